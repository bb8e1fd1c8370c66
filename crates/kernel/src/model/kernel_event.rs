//! What the kernel itself keeps in the log: answers under their keys, parked messages, cursors.

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::model::message::{Command, Event, Idempotency, Key, Reply, Wire};
use crate::model::outcome::{Failure, NotDone};

/// The kind under which the kernel's own events stand in the log.
pub(crate) const KERNEL: &str = "kernel";

/// The kernel's own events. They are numbered like all others and never leave the service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum KernelEvent {
    /// A command with an idempotency key (the event's key) was answered.
    #[serde(rename = "kernel.answered")]
    Answered(Answered),
    /// A message could not be read or broke its handler twice; the event's key is its id.
    #[serde(rename = "kernel.parked")]
    Parked(Parked),
    /// A parked message was sent again or given up; the event's key is its id.
    #[serde(rename = "kernel.unparked")]
    Unparked,
    /// A reader (the event's key) has dealt with its source through this number.
    #[serde(rename = "kernel.read")]
    Read { through: u64 },
}

impl Event for KernelEvent {
    fn name(&self) -> &'static str {
        match self {
            Self::Answered(_) => "kernel.answered",
            Self::Parked(_) => "kernel.parked",
            Self::Unparked => "kernel.unparked",
            Self::Read { .. } => "kernel.read",
        }
    }
}

/// The answer kept under an idempotency key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Answered {
    /// The hash of what was asked.
    pub(crate) fingerprint: Key,
    /// The answer or the refusal.
    pub(crate) ending: Ending,
}

impl Answered {
    /// What is kept of an answer or a refusal.
    pub(crate) fn of<A: Wire, R: Wire>(idempotency: &Idempotency, decided: Result<&A, &R>) -> Self {
        let plain = "answers and refusals are plain data";
        let ending = match decided {
            Ok(answer) => Ending::Done(to_raw_value(answer).expect(plain)),
            Err(refusal) => Ending::Refused(to_raw_value(refusal).expect(plain)),
        };
        Self { fingerprint: idempotency.fingerprint.clone(), ending }
    }

    /// The answer once more, if it is the same request that asks.
    pub(crate) fn replay<C: Command>(&self, idempotency: &Idempotency) -> Reply<C> {
        Reply { replayed: true, ..Reply::fresh(self.again(idempotency)) }
    }

    /// What was kept, if it is the same request that asks.
    pub(crate) fn again<A: Wire, R: Wire>(
        &self,
        idempotency: &Idempotency,
    ) -> Result<A, NotDone<R>> {
        if self.fingerprint != idempotency.fingerprint {
            return Err(Failure::KeyReused(idempotency.key.to_string()).into());
        }
        // It was done: whoever asks must not take it for a request that was never served.
        let unreadable =
            |error| NotDone::Unknown(format!("the answer that was kept cannot be read: {error}"));
        match &self.ending {
            Ending::Done(json) => Ok(serde_json::from_str(json.get()).map_err(unreadable)?),
            Ending::Refused(json) => {
                let refusal = serde_json::from_str(json.get()).map_err(unreadable)?;
                Err(NotDone::Refused(refusal))
            }
        }
    }
}

/// How a command ended for good.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ending {
    Done(Box<RawValue>),
    Refused(Box<RawValue>),
}

/// A message set aside with the reason, until somebody looks at it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Parked {
    /// The wire name of the message, or the channel it came by.
    pub message: String,
    /// What came, as it came.
    pub body: String,
    /// Why it was set aside.
    pub reason: String,
    /// The key it came with: whoever sends it again, it has one effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
}
