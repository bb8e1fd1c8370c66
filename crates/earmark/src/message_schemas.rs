//! Every message that others can send or receive, with its JSON Schema.

use earmark_contracts::allocation;
use earmark_kernel::{Command, PublicEvent, Query};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Command,
    Query,
    Message,
    Event,
}

/// A message with the JSON Schemas of its fields, its answer and its refusals.
#[derive(Debug, Serialize)]
pub struct Message {
    pub name: &'static str,
    pub kind: Kind,
    pub fields: Schema,
    pub answer: Option<Schema>,
    pub refusals: Option<Schema>,
}

/// Every message. A new one is a line here.
pub fn messages() -> Vec<Message> {
    vec![
        command::<allocation::CreateBatch>(),
        command::<allocation::ChangeBatch>(),
        command::<allocation::CloseBatch>(),
        command::<allocation::Allocate>(),
        command::<allocation::Deallocate>(),
        command::<allocation::Hold>(),
        command::<allocation::ExtendHold>(),
        command::<allocation::ConfirmHold>(),
        command::<allocation::ReleaseHold>(),
        command::<allocation::Ship>(),
        command::<allocation::Return>(),
        query::<allocation::GetBatch>(),
        query::<allocation::GetLines>(),
        query::<allocation::GetHold>(),
        query::<allocation::ListHolds>(),
        query::<allocation::ExplainLine>(),
        query::<allocation::ListStock>(),
        query::<allocation::GetStock>(),
        query::<allocation::StockHistory>(),
        message::<allocation::ChangeBatchQuantity>(),
        message::<allocation::AllocateLine>(),
        event::<allocation::LineAllocated>(),
        event::<allocation::LineDeallocated>(),
        event::<allocation::OutOfStock>(),
        event::<allocation::LineShipped>(),
        event::<allocation::BatchQuantityChanged>(),
        event::<allocation::OrderReserved>(),
        event::<allocation::OrderShort>(),
        event::<allocation::OrderExtended>(),
        event::<allocation::OrderHeldForGood>(),
        event::<allocation::OrderHoldLost>(),
        event::<allocation::OrderReleased>(),
        event::<allocation::LineReady>(),
    ]
}

fn command<C>() -> Message
where
    C: Command + JsonSchema,
    C::Answer: JsonSchema,
    C::Refusal: JsonSchema,
{
    Message {
        name: C::NAME,
        kind: Kind::Command,
        fields: schema::<C>(),
        answer: Some(schema::<C::Answer>()),
        refusals: Some(schema::<C::Refusal>()),
    }
}

fn query<Q: Query + JsonSchema>() -> Message
where
    Q::Answer: JsonSchema,
{
    Message {
        name: Q::NAME,
        kind: Kind::Query,
        fields: schema::<Q>(),
        answer: Some(schema::<Q::Answer>()),
        refusals: None,
    }
}

fn message<M: earmark_kernel::Message + JsonSchema>() -> Message {
    let fields = schema::<M>();
    Message { name: M::NAME, kind: Kind::Message, fields, answer: None, refusals: None }
}

fn event<E: PublicEvent + JsonSchema>() -> Message {
    Message {
        name: E::NAME,
        kind: Kind::Event,
        fields: schema::<E>(),
        answer: None,
        refusals: None,
    }
}

/// A schema without references.
fn schema<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|it| it.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Steps and questions of procedures, which only the service itself sends.
    const STEPS: [&str; 18] = [
        "allocation.add_batch",
        "allocation.begin_confirm",
        "allocation.begin_hold",
        "allocation.begin_release",
        "allocation.claim_reference",
        "allocation.confirm_one",
        "allocation.end_confirm",
        "allocation.end_hold",
        "allocation.end_release",
        "allocation.extend_reservation",
        "allocation.get_missing",
        "allocation.get_reservation",
        "allocation.get_unreserved",
        "allocation.hold_one",
        "allocation.look_at_line",
        "allocation.note_exhausted",
        "allocation.note_incomplete",
        "allocation.release_one",
    ];

    #[test]
    fn every_message_of_the_services_is_listed() {
        let flows = crate::wiring::services().into_iter().map(|it| it.flow());
        let edges = flows.flat_map(|flow| flow.edges);
        let named: BTreeSet<String> = edges
            .filter_map(|edge| match edge.verb {
                "handles" | "orchestrates" | "translates" | "answers" => Some(edge.from),
                "publishes" => Some(edge.to),
                _ => None,
            })
            .filter(|name| !STEPS.contains(&name.as_str()))
            .collect();
        let listed: BTreeSet<String> = messages().iter().map(|it| it.name.to_owned()).collect();
        assert_eq!(named, listed);
    }
}
