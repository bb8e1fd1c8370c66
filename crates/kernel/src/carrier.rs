//! The port of what carries public events out of the house: a broker, a mail server.

use std::pin::Pin;

use thiserror::Error;

use crate::feed::PublicRecord;

/// What a carrier's method returns.
pub type Carrying<'a, T> = Pin<Box<dyn Future<Output = Result<T, NotCarried>> + Send + 'a>>;

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

/// How far a carrier has a source, as far as it can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It passes on and keeps nothing: only who published knows.
    Untold,
    /// It keeps events and has none: it never had any, or lost them all. It has room for the events
    /// of so many numbers.
    Nothing {
        /// Numbers of the log.
        keeps: u64,
    },
    /// It has everything through this number that it still keeps.
    Through(u64),
}

/// Why a carrier did not carry.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotCarried {
    /// It is away, or broke off: some may have been taken. Ask for its place, then publish again.
    #[error("{0}")]
    Away(String),
    /// It is there and takes nothing until somebody has looked at it.
    #[error("{0}")]
    Barred(String),
    /// It took everything before this event, and will never take this one.
    #[error("the event {sequence} is refused: {why}")]
    Refused {
        /// The event's number.
        sequence: u64,
        /// What the carrier said.
        why: String,
    },
}

/// Something that carries public events to others.
///
/// Contract: `publish` returns well only after the carrier has confirmed all the events, in their
/// order. Whatever goes wrong, a later `place` tells how far it surely has them; an event may be
/// carried again then, with the same id and the same bytes. A method that hears nothing gives up
/// after some seconds with [`NotCarried::Away`].
pub trait Carrier: Send + Sync {
    /// What it is called: in metrics, in logs, and in the name of its cursor, so it never changes.
    fn name(&self) -> &'static str;

    /// Whether it carries events of this wire name at all.
    fn carries(&self, event: &str) -> bool {
        let _ = event;
        true
    }

    /// Reaches the carrier, makes ready what a publication needs, and tells how far it has the
    /// source. Asked before the first publication, and after everything that went wrong.
    fn place<'a>(&'a self, source: &'a Source) -> Carrying<'a, Place>;

    /// Carries events, at least one, and waits until they are confirmed.
    fn publish<'a>(&'a self, source: &'a Source, events: &'a [PublicRecord]) -> Carrying<'a, ()>;
}
