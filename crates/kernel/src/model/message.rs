//! What travels: commands, events, facts and queries, and what is said about them on the way.

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

/// What can be said on the wire: plain data that serde reads and writes.
pub trait Wire: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static {}
impl<T: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static> Wire for T {}

/// An order to do something, handled by exactly one service.
pub trait Command: Wire {
    /// The wire name, `service.verb`; never changes.
    const NAME: &'static str;
    /// What is answered when it is done.
    type Answer: Wire;
    /// What is answered when it is refused.
    type Refusal: Wire + std::error::Error;

    /// The key of the aggregate that decides it. `None`: the service's table says how to find it.
    fn key(&self) -> Option<&str> {
        None
    }
}

/// The events of one aggregate: a closed set, adjacently tagged for serde (`type`, `data`).
pub trait Event: Wire {
    /// The wire name of this event, the same that serde writes as `type`.
    fn name(&self) -> &'static str;
}

/// One kind of event of an aggregate: what `then` and `publishes` listen to.
pub trait Fact: Clone + Send + Sync + 'static {
    /// The closed set this fact belongs to.
    type Of: Event;
    /// Its wire name.
    const NAME: &'static str;

    /// The fact in an event, if it is this one.
    fn of(event: &Self::Of) -> Option<&Self>;
}

/// An event that other services and systems may hear.
pub trait PublicEvent: Wire {
    /// The wire name, `service.fact`; never changes.
    const NAME: &'static str;
}

/// A message of others, in their own words: it is read and becomes a command.
pub trait Message: Wire {
    /// The wire name: the channel it comes by.
    const NAME: &'static str;
}

/// A question to the views of a service.
pub trait Query: Send + 'static {
    /// The wire name.
    const NAME: &'static str;
    /// What is answered.
    type Answer: Send + 'static;
}

/// An event as it stands in the log.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a, E> {
    /// Its sequence number in its partition.
    pub seq: u64,
    /// When it was decided.
    pub at: UnixMillis,
    /// The key of its aggregate.
    pub key: &'a str,
    /// The id of the command that caused it.
    pub causation: Uuid,
    /// What happened.
    pub event: &'a E,
}

/// What is said about a command on its way.
#[derive(Clone, Debug, Default)]
pub struct Meta {
    /// The command's id; the bus gives one when it is nil.
    pub command_id: Uuid,
    /// What this belongs to, as the caller named it; at most 64 characters are kept.
    pub correlation: Option<Key>,
    /// The key under which the answer is kept, so that asking again has no second effect.
    pub idempotency: Option<Idempotency>,
    /// Run the handler, tell what it would record, and keep nothing.
    pub dry_run: bool,
    /// The moment to decide by, instead of the clock's: for replays of what happened long ago.
    pub at: Option<UnixMillis>,
}

/// An idempotency key together with what it was used for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// The caller's key.
    pub key: Key,
    /// A hash of the request: the same key with another request is refused.
    pub fingerprint: Key,
}

impl Idempotency {
    /// The key for a request of these bytes.
    #[must_use]
    pub fn of(key: &str, request: &[u8]) -> Self {
        let request =
            if crate::ports::failpoint::is_on("key-without-body") { b"" } else { request };
        let fingerprint = CompactString::from(format!("{:032x}", xxh3_128(request)));
        Self { key: key.into(), fingerprint }
    }

    /// The key of a part of the request, say one line of many. No caller can write what stands
    /// between, so it is nobody's own key.
    #[must_use]
    pub fn part(&self, name: impl std::fmt::Display) -> Self {
        let key = CompactString::from(format!("{}\u{1f}{name}", self.key));
        Self { key, fingerprint: self.fingerprint.clone() }
    }
}

/// How a command ended, with what goes beside the answer.
#[derive(Clone, Debug)]
pub struct Reply<C: Command> {
    /// The answer, or how it ended otherwise.
    pub ending: Result<C::Answer, NotDone<C::Refusal>>,
    /// The answer was given before under the same idempotency key; nothing was done now.
    pub replayed: bool,
    /// For a dry run: the events that would have been recorded, as JSON (`type`, `data`).
    pub events: Vec<Box<RawValue>>,
}

impl<C: Command> Reply<C> {
    /// A reply that was not given before.
    #[must_use]
    pub fn fresh(ending: Result<C::Answer, NotDone<C::Refusal>>) -> Self {
        Self { ending, replayed: false, events: Vec::new() }
    }
}
