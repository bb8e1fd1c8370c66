//! The port of publishers take public events out of the house: a broker, a mail server.

use std::pin::Pin;

use thiserror::Error;

use crate::ports::public_record::PublicRecord;

/// What a publisher's method returns.
pub type Publishing<'a, T> = Pin<Box<dyn Future<Output = Result<T, PublishError>> + Send + 'a>>;

/// The partition of a service whose public events are carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The service.
    pub service: &'static str,
    /// The partition, from 0.
    pub partition: usize,
    /// The name of its log: the ids of its events begin with it.
    pub log_id: String,
}

/// How far a publisher has a source, as far as it can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// It passes on and keeps nothing: only who published knows.
    Unknown,
    /// It keeps events and has none: it never had any, or lost them all. It has room for the events
    /// of so many numbers.
    Empty {
        /// Numbers of the log.
        keeps: u64,
    },
    /// It has everything through this number that it still keeps.
    Through(u64),
}

/// Why a publisher did not carry.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PublishError {
    /// It is unavailable, or broke off: some may have been taken. Ask for its position, then publish again.
    #[error("{0}")]
    Unavailable(String),
    /// It is there and takes nothing until somebody has looked at it.
    #[error("{0}")]
    Blocked(String),
    /// It took everything before this event, and will never take this one.
    #[error("the event {sequence} is refused: {why}")]
    Refused {
        /// The event's number.
        sequence: u64,
        /// What the publisher said.
        why: String,
    },
}

/// Something that carries public events to others.
///
/// Contract: `publish` returns well only after the publisher has confirmed all the events, in their
/// order. Whatever goes wrong, a later `position` tells how far it surely has them; an event may be
/// carried again then, with the same id and the same bytes. A method that hears nothing gives up
/// after some seconds with [`PublishError::Unavailable`].
pub trait Publisher: Send + Sync {
    /// What it is called: in metrics, in logs, and in the name of its cursor, so it never changes.
    fn name(&self) -> &'static str;

    /// Whether it carries events of this wire name at all.
    fn publishes(&self, event: &str) -> bool {
        let _ = event;
        true
    }

    /// Reaches the publisher, makes ready what a publication needs, and tells how far it has the
    /// source. Asked before the first publication, and after everything that went wrong.
    fn position<'a>(&'a self, source: &'a Source) -> Publishing<'a, Position>;

    /// Carries events, at least one, and waits until they are confirmed.
    fn publish<'a>(&'a self, source: &'a Source, events: &'a [PublicRecord]) -> Publishing<'a, ()>;
}
