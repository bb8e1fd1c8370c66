//! The publisher port: sends public events to an external system such as a broker or mail server.

use std::pin::Pin;

use thiserror::Error;

use crate::ports::public_record::PublicRecord;

/// The future that a publisher's method returns.
pub type Publishing<'a, T> = Pin<Box<dyn Future<Output = Result<T, PublishError>> + Send + 'a>>;

/// The partition of a service whose public events are published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The service's name.
    pub service: &'static str,
    /// The partition's index, from 0.
    pub partition: usize,
    /// The id of the partition's log; the ids of its events start with it.
    pub log_id: String,
}

/// How far a publisher has received the events of a source, as far as the publisher knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The publisher stores nothing, so only the relay knows the position.
    Unknown,
    /// The publisher stores events and has none: it never had any, or lost them all.
    Empty {
        /// The size of the publisher's storage, in sequence numbers of the log.
        keeps: u64,
    },
    /// The publisher has received all events through this sequence number. Older ones may have been
    /// removed since.
    Through(u64),
}

/// Why events were not published.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PublishError {
    /// The publisher is unavailable or the connection was lost; some events may have been accepted.
    /// Ask for its position, then publish again.
    #[error("{0}")]
    Unavailable(String),
    /// The publisher is reachable but accepts no events until an operator intervenes.
    #[error("{0}")]
    Blocked(String),
    /// The publisher accepted all events before this one and will never accept this one.
    #[error("event {sequence} was refused: {why}")]
    Refused {
        /// The event's sequence number.
        sequence: u64,
        /// The publisher's reason.
        why: String,
    },
}

/// Sends public events to an external system.
///
/// Contract: `publish` returns `Ok` only after the external system has confirmed all events, in
/// order. After an error, `position` reports how far the system certainly has them; an event may
/// then be published again, with the same id and the same bytes. A method that gets no response
/// gives up after some seconds with [`PublishError::Unavailable`].
pub trait Publisher: Send + Sync {
    /// The name, used in metrics, in logs, and in the key of the saved position: it never changes.
    fn name(&self) -> &'static str;

    /// Whether events with this wire name are published at all.
    fn publishes(&self, event: &str) -> bool {
        let _ = event;
        true
    }

    /// Connects, prepares what publishing needs, and returns how far the external system has the
    /// events of the source. Called before the first publication and after every error.
    fn position<'a>(&'a self, source: &'a Source) -> Publishing<'a, Position>;

    /// Publishes at least one event and waits until all are confirmed.
    fn publish<'a>(&'a self, source: &'a Source, events: &'a [PublicRecord]) -> Publishing<'a, ()>;
}
