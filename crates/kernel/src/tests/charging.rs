//! The calling test service: charges, each carried out by a provider outside of the house.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::provider::Provider;
use crate::model::aggregate::{Aggregate, Recorder};
use crate::model::message::{Command, Event, Key, Query, Recorded};
use crate::model::operation::{ATTEMPT_WAIT_MS, DueOperation, backoff_ms};
use crate::ports::adapter::CallFailed;
use crate::ports::clock::UnixMillis;
use crate::ports::log::StoreError;
use crate::table::service::Service;
use crate::views::reading::Reading;
use crate::views::table::Table;
use crate::views::view::View;

/// A charge, by the id of its operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Charge {
    requested: bool,
    /// The last attempt that was begun.
    pub(crate) attempt: u32,
    /// The receipt, or why there will be none.
    pub(crate) end: Option<Result<String, String>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum ChargeEvent {
    #[serde(rename = "till.requested")]
    Requested { cents: u32, due: UnixMillis },
    #[serde(rename = "till.begun")]
    Begun { attempt: u32 },
    /// An attempt ended without an answer; the next is due later.
    #[serde(rename = "till.missed")]
    Missed { attempt: u32, due: UnixMillis },
    #[serde(rename = "till.ended")]
    Ended { end: Result<String, String> },
}

impl Event for ChargeEvent {
    fn name(&self) -> &'static str {
        match self {
            Self::Requested { .. } => "till.requested",
            Self::Begun { .. } => "till.begun",
            Self::Missed { .. } => "till.missed",
            Self::Ended { .. } => "till.ended",
        }
    }
}

impl Aggregate for Charge {
    const NAME: &'static str = "charge";
    type Event = ChargeEvent;
    fn evolve(&mut self, event: &ChargeEvent) {
        match event {
            ChargeEvent::Requested { .. } => self.requested = true,
            ChargeEvent::Begun { attempt } => self.attempt = *attempt,
            ChargeEvent::Missed { .. } => {}
            ChargeEvent::Ended { end } => self.end = Some(end.clone()),
        }
    }
}

/// Requests a charge that is due after some time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) due_after_ms: i64,
}

pub(crate) fn request(id: impl Into<String>) -> Request {
    Request { id: id.into(), due_after_ms: 0 }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Begin {
    pub(crate) id: Key,
    pub(crate) attempt: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Answered {
    pub(crate) id: Key,
    pub(crate) attempt: u32,
    pub(crate) answer: Result<String, CallFailed>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
#[error("attempt {0} is not the one that is expected")]
pub(crate) struct NotExpected(pub(crate) u32);

impl Command for Request {
    const NAME: &'static str = "till.request";
    type Answer = ();
    type Refusal = NotExpected;
    fn key(&self) -> Option<&str> {
        Some(&self.id)
    }
}

impl Command for Begin {
    const NAME: &'static str = "till.begin";
    type Answer = ();
    type Refusal = NotExpected;
    fn key(&self) -> Option<&str> {
        Some(&self.id)
    }
}

impl Command for Answered {
    const NAME: &'static str = "till.answered";
    type Answer = ();
    type Refusal = NotExpected;
    fn key(&self) -> Option<&str> {
        Some(&self.id)
    }
}

type Handled = Result<(), NotExpected>;

fn handle_request(charge: &mut Recorder<Charge>, command: Request, now: UnixMillis) -> Handled {
    if !charge.requested {
        let due = now.plus_ms(command.due_after_ms);
        charge.record(ChargeEvent::Requested { cents: 500, due });
    }
    Ok(())
}

/// Refuses every attempt but the next of an open charge.
fn begin(charge: &mut Recorder<Charge>, command: Begin, _: UnixMillis) -> Handled {
    let Begin { attempt, .. } = command;
    if charge.end.is_some() || attempt != charge.attempt + 1 {
        return Err(NotExpected(attempt));
    }
    charge.record(ChargeEvent::Begun { attempt });
    Ok(())
}

/// A receipt ends an open charge whichever attempt brings it, because the provider carries each
/// operation out once. Anything else is believed of the last attempt only.
fn answered(charge: &mut Recorder<Charge>, command: Answered, now: UnixMillis) -> Handled {
    let Answered { id, attempt, answer } = command;
    if charge.end.is_some() || (answer.is_err() && attempt != charge.attempt) {
        return Err(NotExpected(attempt));
    }
    charge.record(match answer {
        Ok(receipt) => ChargeEvent::Ended { end: Ok(receipt) },
        Err(CallFailed::Refused(why)) => ChargeEvent::Ended { end: Err(why) },
        Err(CallFailed::Failed(_) | CallFailed::Unknown(_)) => {
            ChargeEvent::Missed { attempt, due: now.plus_ms(backoff_ms(&id, attempt)) }
        }
    });
    Ok(())
}

/// The open charges: each under its id, and again under the time when it is due.
struct OpenCharges;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Open {
    cents: u32,
    due: UnixMillis,
    attempt: u32,
}

fn id_row(id: &str) -> String {
    format!("id/{id}")
}

fn due_row(due: UnixMillis, id: &str) -> String {
    format!("due/{:016x}/{id}", due.0)
}

impl View for OpenCharges {
    const NAME: &'static str = "open_charges";
    type Event = ChargeEvent;
    type Row = Open;
    fn apply(rows: &mut Table<Open>, recorded: &Recorded<ChargeEvent>) -> Result<(), StoreError> {
        let (id, at) = (recorded.key, recorded.at);
        let before = rows.get(&id_row(id))?;
        if let Some(before) = &before {
            rows.delete(due_row(before.due, id));
            rows.delete(id_row(id));
        }
        let cents = before.map_or(0, |it| it.cents);
        let open = match *recorded.event {
            ChargeEvent::Requested { cents, due } => Open { cents, due, attempt: 0 },
            ChargeEvent::Begun { attempt } => {
                Open { cents, due: at.plus_ms(ATTEMPT_WAIT_MS), attempt }
            }
            ChargeEvent::Missed { attempt, due } => Open { cents, due, attempt },
            ChargeEvent::Ended { .. } => return Ok(()),
        };
        rows.put(due_row(open.due, id), open.clone());
        rows.put(id_row(id), open);
        Ok(())
    }
}

pub(crate) fn due_charges(
    reading: &Reading<'_>,
    limit: usize,
) -> Result<Vec<DueOperation>, StoreError> {
    let rows = reading.scan::<OpenCharges>("due/", None, limit)?.into_iter();
    let due = rows.take_while(|(_, open)| open.due <= reading.now());
    let operation = |(row, open): (Key, Open)| {
        let id = row.splitn(3, '/').nth(2).unwrap().into();
        DueOperation { id, due: open.due, attempt: open.attempt }
    };
    Ok(due.map(operation).collect())
}

/// What the provider is asked to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ChargeCall {
    pub(crate) cents: u32,
}

fn charge_call(reading: &Reading<'_>, id: &Key) -> Result<Option<ChargeCall>, StoreError> {
    let open = reading.get::<OpenCharges>(&id_row(id))?;
    Ok(open.map(|it| ChargeCall { cents: it.cents }))
}

/// Asks for the state of a charge.
pub(crate) struct GetCharge(pub(crate) String);

impl Query for GetCharge {
    const NAME: &'static str = "till.get_charge";
    type Answer = Charge;
}

fn get_charge(reading: &Reading<'_>, query: GetCharge) -> Result<Charge, StoreError> {
    Ok(Charge::clone(&*reading.aggregate::<Charge>(&query.0)?))
}

/// The service without an effect.
pub(crate) fn till_without_effect() -> Service {
    Service::of::<Charge>("till")
        .handles(handle_request, &["till.requested"])
        .handles(begin, &["till.begun"])
        .handles(answered, &["till.missed", "till.ended"])
        .view::<OpenCharges>()
        .answers(get_charge)
}

/// The service that calls the provider.
pub(crate) fn till(provider: &Provider) -> Service {
    till_without_effect().calls(
        "charge",
        due_charges,
        charge_call,
        |id, attempt| Begin { id: id.clone(), attempt },
        Arc::new(provider.clone()),
        |id, attempt, answer| Answered { id: id.clone(), attempt, answer },
    )
}
