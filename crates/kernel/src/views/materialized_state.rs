//! The derived state of one partition: views, streams, answers, timers, parked messages, cursors.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::model::envelope::{Committed, CommittedEvent};
use crate::model::kernel_event::{Answered, KernelEvent, Parked};
use crate::model::kinds::KindIndex;
use crate::model::limits::Limits;
use crate::model::message::Key;
use crate::ports::log::StoreError;
use crate::ports::rows::RowStore;
use crate::views::log_schema::LogSchema;
use crate::views::stream::Streams;
use crate::views::table::{AnyTable, Table};
use crate::views::view::AnyView;

/// Through where changes are set apart.
#[derive(Clone)]
pub(super) struct Frozen {
    pub(super) through_seq: u64,
    /// Of the record that ends there.
    pub(super) digest: Option<String>,
}

/// The derived state of one partition, behind one lock, but for the streams, which have one more.
/// Who takes several takes them in this order: flushing, materialized, streams, pending.
pub(crate) struct MaterializedState {
    pub(crate) views: Vec<Box<dyn AnyView>>,
    /// Behind a lock of their own: the writer loads from them while views are applied. They change
    /// only while the materialized is locked, too.
    pub(super) streams: Arc<RwLock<Streams>>,
    pub(crate) answers: Table<Answered>,
    pub(crate) timers: Table<()>,
    pub(crate) parked: Table<Parked>,
    pub(crate) cursors: Table<u64>,
    /// Reflects the log through this number.
    pub(crate) applied: u64,
    pub(super) flushed: u64,
    /// The last record that is applied.
    pub(super) end: Option<Arc<Committed>>,
    /// Set apart through this number, and not yet known to be on disk.
    pub(super) frozen: Option<Frozen>,
    /// A row could not be read while a record was applied: nothing here can be trusted until it is
    /// derived again.
    pub(super) broken: Option<StoreError>,
}

impl MaterializedState {
    /// What the disk holds, flushed through this number.
    pub(crate) fn new(
        schema: &LogSchema,
        disk: &Arc<dyn RowStore>,
        limits: Limits,
        flushed: u64,
    ) -> Self {
        let (kinds, rows, after) =
            (Arc::clone(&schema.kinds), Arc::clone(disk), limits.snapshot_events);
        let open = |it: &crate::views::log_schema::ViewEntry| (it.open)(it.kind, Arc::clone(disk));
        Self {
            views: schema.views.iter().map(open).collect(),
            streams: Arc::new(RwLock::new(Streams::new(kinds, rows, after, flushed))),
            answers: Table::new("kernel_answers", Arc::clone(disk)),
            timers: Table::new("kernel_timers", Arc::clone(disk)),
            parked: Table::new("kernel_parked", Arc::clone(disk)),
            cursors: Table::new("kernel_cursors", Arc::clone(disk)),
            applied: flushed,
            flushed,
            end: None,
            frozen: None,
            broken: None,
        }
    }

    pub(crate) fn streams(&self) -> RwLockReadGuard<'_, Streams> {
        self.streams.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn streams_mut(&self) -> RwLockWriteGuard<'_, Streams> {
        self.streams.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn apply(
        &mut self,
        schema: &LogSchema,
        record: &Arc<Committed>,
    ) -> Result<(), StoreError> {
        self.derive(schema, record)?;
        // What is derived again may have come further than what waits.
        if self.end.as_ref().is_none_or(|end| end.last_seq() <= record.last_seq()) {
            self.end = Some(Arc::clone(record));
        }
        Ok(())
    }

    /// Applies a record to everything but the streams.
    pub(crate) fn derive(
        &mut self,
        schema: &LogSchema,
        record: &Committed,
    ) -> Result<(), StoreError> {
        let applied = self.applied;
        for (seq, event) in record.numbered().filter(|(seq, _)| *seq > applied) {
            if event.kind == KindIndex::KERNEL {
                self.apply_kernel(event);
                continue;
            }
            for view in &mut self.views {
                view.apply(seq, event)?;
            }
            for timer in schema.timers.iter().filter(|timer| timer.fact == event.name) {
                if let Some(due) = (timer.due)(event) {
                    self.timers.put(crate::views::timer::row_key(due, event.kind, &event.key), ());
                }
            }
        }
        // A record whose beginning was flushed is still whole in the log.
        self.applied = self.applied.max(record.last_seq());
        Ok(())
    }

    fn apply_kernel(&mut self, it: &CommittedEvent) {
        let event = it.event.as_any().downcast_ref().expect("the kernel has one type of event");
        match event {
            KernelEvent::Answered(answered) => self.answers.put(it.key.clone(), answered.clone()),
            KernelEvent::Parked(parked) => self.parked.put(it.key.clone(), parked.clone()),
            KernelEvent::Unparked => self.parked.delete(it.key.clone()),
            KernelEvent::Read { through } => self.cursors.put(it.key.clone(), *through),
        }
    }

    pub(crate) fn tables(&mut self) -> impl Iterator<Item = &mut dyn AnyTable> {
        let own: [&mut dyn AnyTable; 4] =
            [&mut self.answers, &mut self.timers, &mut self.parked, &mut self.cursors];
        self.views.iter_mut().map(|view| view.table()).chain(own)
    }

    /// Sets the changes apart, unless an earlier flushing that failed left some.
    pub(super) fn freeze(&mut self) -> Frozen {
        if let Some(frozen) = &self.frozen {
            return frozen.clone();
        }
        self.streams_mut().freeze();
        self.tables().for_each(AnyTable::freeze);
        let digest = self.end.as_deref().map(Committed::digest);
        let frozen = Frozen { through_seq: self.applied, digest };
        self.frozen = Some(frozen.clone());
        frozen
    }

    pub(super) fn mark_flushed(&mut self, through: u64, snapshots: &[((KindIndex, Key), u64)]) {
        self.streams_mut().mark_flushed(snapshots);
        self.tables().for_each(AnyTable::mark_flushed);
        self.frozen = None;
        self.flushed = through;
    }
}
