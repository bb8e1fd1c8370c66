//! Commands sent as JSON and their answers, as bytes that can be compared.

use std::pin::Pin;

use earmark_kernel::{Bus, Failure, JsonReply, Meta, NotDone};

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// `done` or `refused`, and the bytes of the answer or the refusal.
    Decided(&'static str, String),
    Failed(Failure),
    Unknown(String),
}

/// How a command ended, with the metadata of the reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) ending: Ending,
    pub(crate) replayed: bool,
    /// Number of events recorded, or that a dry run would have recorded.
    pub(crate) events: usize,
}

/// A command in flight.
pub(crate) type PendingAnswer = Pin<Box<dyn Future<Output = Answer>>>;

/// Sends a command by its wire name.
pub(crate) fn send(bus: &Bus, name: &'static str, body: &str, meta: Meta) -> PendingAnswer {
    let (bus, body) = (bus.clone(), body.to_owned());
    Box::pin(async move {
        match bus.send_json(name, &body, meta).await {
            Ok(reply) => Answer::of(reply),
            Err(failure) => Answer { ending: Ending::Failed(failure), replayed: false, events: 0 },
        }
    })
}

impl Answer {
    fn of(reply: JsonReply) -> Self {
        let ending = match reply.ending {
            Ok(json) => Ending::Decided("done", json.get().to_owned()),
            Err(NotDone::Refused(it)) => Ending::Decided("refused", it.refusal.get().to_owned()),
            Err(NotDone::Failed(failure)) => Ending::Failed(failure),
            Err(NotDone::Unknown(why)) => Ending::Unknown(why),
        };
        Self { ending, replayed: reply.replayed, events: reply.events.len() }
    }
}
