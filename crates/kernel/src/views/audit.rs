//! Audits: checks of a service over its whole log, across its aggregates and partitions.

use std::any::Any;

use rustc_hash::FxHashMap;
use uuid::Uuid;

use crate::model::aggregate::{Aggregate, AnyRecorder, Recorder};
use crate::model::envelope::CommittedEvent;
use crate::model::kernel_event::{KernelEvent, StoredOutcome};
use crate::model::kinds::{KindIndex, Kinds};
use crate::model::message::{Event, Key};
use crate::ports::clock::UnixMillis;

/// A check over the whole log of a service. It sees every event of every partition, one partition
/// after the other, and then the aggregates.
pub trait Audit: Default + 'static {
    /// Sees the next event.
    fn see(&mut self, event: &AuditedEvent<'_>);

    /// Checks the whole. `at` is the time of the last record. Returns what is worth knowing and is
    /// no violation, each as a sentence.
    ///
    /// # Errors
    /// A sentence that describes the first violation.
    fn end(&self, aggregates: &Aggregates<'_>, at: UnixMillis) -> Result<Vec<String>, String>;
}

/// An event of the log.
pub struct AuditedEvent<'a> {
    /// The key of its aggregate; of a stored answer, the idempotency key.
    pub key: &'a str,
    /// The id of the command that caused it.
    pub causation: Uuid,
    event: &'a dyn Any,
}

impl<'a> AuditedEvent<'a> {
    pub(crate) fn new(event: &'a CommittedEvent) -> Self {
        Self { key: &event.key, causation: event.causation, event: event.event.as_any() }
    }

    /// The event, if it is one of these.
    #[must_use]
    pub fn of<E: Event>(&self) -> Option<&'a E> {
        self.event.downcast_ref()
    }

    /// The answer that was stored under the key, as JSON; `None` if this is another event or the
    /// command was refused.
    #[must_use]
    pub fn answer(&self) -> Option<&'a str> {
        match self.event.downcast_ref()? {
            KernelEvent::Answered(it) => match &it.outcome {
                StoredOutcome::Done(answer) => Some(answer.get()),
                StoredOutcome::Refused(_) => None,
            },
            _ => None,
        }
    }
}

/// The aggregates of a service, folded from its log.
pub struct Aggregates<'a> {
    pub(crate) kinds: &'a Kinds,
    pub(crate) all: &'a FxHashMap<(KindIndex, Key), Box<dyn AnyRecorder>>,
}

impl Aggregates<'_> {
    /// All aggregates of one kind, in no particular order.
    pub fn all<A: Aggregate>(&self) -> impl Iterator<Item = &Recorder<A>> {
        let kind = self.kinds.index_of::<A>();
        let of_kind = self.all.iter().filter(move |((found, _), _)| *found == kind);
        of_kind.filter_map(|(_, recorder)| recorder.as_any_ref().downcast_ref())
    }

    /// An aggregate by its key; `None` if it has no event.
    #[must_use]
    pub fn get<A: Aggregate>(&self, key: &str) -> Option<&Recorder<A>> {
        let kind = self.kinds.index_of::<A>();
        self.all.get(&(kind, key.into()))?.as_any_ref().downcast_ref()
    }
}

/// An audit whose type is erased.
pub(crate) trait AnyAudit {
    fn see(&mut self, event: &AuditedEvent<'_>);
    fn end(&self, aggregates: &Aggregates<'_>, at: UnixMillis) -> Result<Vec<String>, String>;
}

impl<T: Audit> AnyAudit for T {
    fn see(&mut self, event: &AuditedEvent<'_>) {
        Audit::see(self, event);
    }
    fn end(&self, aggregates: &Aggregates<'_>, at: UnixMillis) -> Result<Vec<String>, String> {
        Audit::end(self, aggregates, at)
    }
}
