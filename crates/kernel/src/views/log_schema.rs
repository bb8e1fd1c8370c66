//! The schema of a service's log: its kinds of aggregates and what is derived from their events.

use std::any::TypeId;
use std::sync::Arc;

use crate::model::envelope::CommittedEvent;
use crate::model::kinds::{KindIndex, Kinds};
use crate::ports::clock::UnixMillis;
use crate::ports::rows::RowStore;
use crate::views::audit::AnyAudit;
use crate::views::view::AnyView;

/// The part of a service's table that concerns its events. Readers of the log need only this part.
pub(crate) struct LogSchema {
    /// The service's name.
    pub(crate) service: &'static str,
    pub(crate) kinds: Arc<Kinds>,
    pub(crate) views: Vec<ViewEntry>,
    pub(crate) timers: Vec<Timer>,
    pub(crate) publications: Vec<Publication>,
    pub(crate) audits: Vec<fn() -> Box<dyn AnyAudit>>,
}

/// A view in the table.
pub(crate) struct ViewEntry {
    pub(crate) name: &'static str,
    pub(crate) version: u32,
    pub(crate) kind: KindIndex,
    pub(crate) view_type: TypeId,
    pub(crate) open: fn(KindIndex, Arc<dyn RowStore>) -> Box<dyn AnyView>,
}

/// A publication in the table: a fact becomes a public event.
pub(crate) struct Publication {
    pub(crate) fact: &'static str,
    pub(crate) event: &'static str,
    pub(crate) by: &'static str,
    pub(crate) run: PublishFn,
}

type PublishFn = Box<dyn Fn(u64, &CommittedEvent) -> Option<String> + Send + Sync>;

/// A timer in the table: a fact after which the aggregate's `before_each` hooks run at a later
/// time.
pub(crate) struct Timer {
    pub(crate) fact: &'static str,
    pub(crate) by: &'static str,
    pub(crate) due: DueFn,
}

type DueFn = Box<dyn Fn(&CommittedEvent) -> Option<UnixMillis> + Send + Sync>;
