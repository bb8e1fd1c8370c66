//! The kernel's own events in the log: stored answers, parked messages and positions of readers.

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::model::message::{Command, Event, Idempotency, Key, Reply, Wire};
use crate::model::outcome::{Failure, NotDone};

/// The aggregate name of the kernel's own events in the log.
pub(crate) const KERNEL: &str = "kernel";

/// The kernel's own events. They have sequence numbers like all others and are never published.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum KernelEvent {
    /// A command with an idempotency key (the event's key) was answered.
    #[serde(rename = "kernel.answered")]
    Answered(Answered),
    /// A message could not be read, or its handler panicked twice. The event's key is the message
    /// id.
    #[serde(rename = "kernel.parked")]
    Parked(Parked),
    /// A parked message was replayed or discarded. The event's key is the message id.
    #[serde(rename = "kernel.unparked")]
    Unparked,
    /// A reader (the event's key) has processed its source through this sequence number.
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

/// The answer stored under an idempotency key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Answered {
    /// The hash of the request.
    pub(crate) fingerprint: Key,
    /// The answer or the refusal.
    #[serde(rename = "ending")]
    pub(crate) outcome: StoredOutcome,
}

impl Answered {
    /// Serializes an answer or a refusal for storage.
    pub(crate) fn new<A: Wire, R: Wire>(
        idempotency: &Idempotency,
        decided: Result<&A, &R>,
    ) -> Self {
        let plain = "plain data always serializes";
        let outcome = match decided {
            Ok(answer) => StoredOutcome::Done(to_raw_value(answer).expect(plain)),
            Err(refusal) => StoredOutcome::Refused(to_raw_value(refusal).expect(plain)),
        };
        Self { fingerprint: idempotency.fingerprint.clone(), outcome }
    }

    /// The stored answer as a reply, if the request is the same.
    pub(crate) fn replay<C: Command>(&self, idempotency: &Idempotency) -> Reply<C> {
        Reply { replayed: true, ..Reply::fresh(self.stored_result(idempotency)) }
    }

    /// The stored answer or refusal, if the request is the same.
    pub(crate) fn stored_result<A: Wire, R: Wire>(
        &self,
        idempotency: &Idempotency,
    ) -> Result<A, NotDone<R>> {
        if self.fingerprint != idempotency.fingerprint {
            return Err(Failure::KeyReused(idempotency.key.to_string()).into());
        }
        // The request was handled, so the caller must not take this for a failure and send it again
        // under another key.
        let unreadable =
            |error| NotDone::Unknown(format!("the stored answer cannot be read: {error}"));
        match &self.outcome {
            StoredOutcome::Done(json) => Ok(serde_json::from_str(json.get()).map_err(unreadable)?),
            StoredOutcome::Refused(json) => {
                let refusal = serde_json::from_str(json.get()).map_err(unreadable)?;
                Err(NotDone::Refused(refusal))
            }
        }
    }
}

/// The final outcome of a command.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StoredOutcome {
    Done(Box<RawValue>),
    Refused(Box<RawValue>),
}

/// A parked message: one that could not be handled, stored with the reason until it is replayed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Parked {
    /// The wire name of the message, or the channel on which it arrived.
    pub message: String,
    /// The message as it was received.
    pub body: String,
    /// Why it was parked.
    pub reason: String,
    /// The idempotency key of the message. A replay uses it, so the message has at most one effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
}
