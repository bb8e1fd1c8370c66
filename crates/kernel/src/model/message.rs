//! Messages: commands, events, facts and queries, and the metadata that accompanies them.

use std::fmt::Debug;

use compact_str::CompactString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use crate::model::outcome::NotDone;
use crate::ports::clock::UnixMillis;

/// The key of an aggregate, a row or an idempotency record.
pub type Key = CompactString;

/// Plain data that serde can read and write.
pub trait Wire: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static {}
impl<T: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static> Wire for T {}

/// A request to do something, handled by exactly one service.
pub trait Command: Wire {
    /// The wire name, `service.verb`; never changes.
    const NAME: &'static str;
    /// The result when the command was done.
    type Answer: Wire;
    /// The result when the command was refused.
    type Refusal: Wire + std::error::Error;

    /// The key of the aggregate that decides the command. `None` if the service's table has a
    /// function that finds it (`resolves_key`).
    fn key(&self) -> Option<&str> {
        None
    }

    /// Whether a refusal is only for now. It is not stored under the request's idempotency key, so
    /// that the request can be sent again and be decided anew.
    fn is_temporary(_: &Self::Refusal) -> bool {
        false
    }
}

/// The events of one aggregate: an enum, adjacently tagged for serde (`type`, `data`).
pub trait Event: Wire {
    /// The wire name of this event, equal to the `type` that serde writes.
    fn name(&self) -> &'static str;
}

/// One variant of an aggregate's events: `on`, `timer` and `publishes` refer to these.
pub trait Fact: Clone + Send + Sync + 'static {
    /// The event enum that contains this fact.
    type Of: Event;
    /// The wire name.
    const NAME: &'static str;

    /// The fact, if the event is of this variant.
    fn of(event: &Self::Of) -> Option<&Self>;
}

/// An event that other services and systems may subscribe to.
pub trait PublicEvent: Wire {
    /// The wire name, `service.fact`; never changes.
    const NAME: &'static str;
}

/// A message of an external system in that system's format. It is translated into a command.
pub trait Message: Wire {
    /// The wire name: the channel on which it arrives.
    const NAME: &'static str;
}

/// A query that is answered from the views of a service.
pub trait Query: Send + 'static {
    /// The wire name.
    const NAME: &'static str;
    /// The result.
    type Answer: Send + 'static;
}

/// An event with its metadata from the log.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a, E> {
    /// The sequence number in its partition.
    pub seq: u64,
    /// When it was decided.
    pub at: UnixMillis,
    /// The key of its aggregate.
    pub key: &'a str,
    /// The id of the command that caused it.
    pub causation: Uuid,
    /// The event.
    pub event: &'a E,
}

/// The metadata of a command.
#[derive(Clone, Debug, Default)]
pub struct Meta {
    /// The command's id; the bus assigns one if it is nil.
    pub command_id: Uuid,
    /// The correlation id from the caller. The kernel does not limit its length.
    pub correlation: Option<Key>,
    /// The key under which the answer is stored, so that a retry has no second effect.
    pub idempotency: Option<Idempotency>,
    /// Run the handler and return the events it would record, but store nothing.
    pub dry_run: bool,
    /// The time at which the command is decided, instead of the clock's: for replays of past data.
    pub at: Option<UnixMillis>,
}

/// An idempotency key together with a hash of the request that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// The caller's key.
    pub key: Key,
    /// A hash of the request. The same key with another request fails.
    pub fingerprint: Key,
}

impl Idempotency {
    /// The key of a request with this body.
    #[must_use]
    pub fn of(key: &str, request: &[u8]) -> Self {
        let request =
            if crate::ports::failpoint::is_on("key-without-body") { b"" } else { request };
        let fingerprint = CompactString::from(format!("{:032x}", xxh3_128(request)));
        Self { key: key.into(), fingerprint }
    }

    /// The key of a part of the request, for example one line of many. The separator is a control
    /// character that callers cannot send, so the result never equals a caller's own key.
    #[must_use]
    pub fn part(&self, name: impl std::fmt::Display) -> Self {
        let key = CompactString::from(format!("{}\u{1f}{name}", self.key));
        Self { key, fingerprint: self.fingerprint.clone() }
    }
}

/// The outcome of a command.
#[derive(Clone, Debug)]
pub struct Reply<C: Command> {
    /// The answer, or why the command was not done.
    pub ending: Result<C::Answer, NotDone<C::Refusal>>,
    /// The answer was stored before under the same idempotency key; nothing was done now.
    pub replayed: bool,
    /// For a dry run: the events that would have been recorded, as JSON (`type`, `data`).
    pub events: Vec<Box<RawValue>>,
}

impl<C: Command> Reply<C> {
    /// A reply that is not a replay.
    #[must_use]
    pub fn fresh(ending: Result<C::Answer, NotDone<C::Refusal>>) -> Self {
        Self { ending, replayed: false, events: Vec::new() }
    }
}
