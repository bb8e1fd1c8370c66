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

/// How far the frozen changes reach.
#[derive(Clone)]
pub(super) struct Frozen {
    pub(super) through_seq: u64,
    /// The digest of the record that ends at `through_seq`.
    pub(super) digest: Option<String>,
}

/// The derived state of one partition. It is behind one lock; the streams have another one.
///
/// Lock order for callers that take several locks: flushing, materialized, streams, pending.
pub(crate) struct MaterializedState {
    pub(crate) views: Vec<Box<dyn AnyView>>,
    /// Behind a separate lock, so that the writer can load aggregates while views are updated.
    /// Changed only while the materialized state is locked too.
    pub(super) streams: Arc<RwLock<Streams>>,
    pub(crate) answers: Table<Answered>,
    pub(crate) timers: Table<()>,
    pub(crate) parked: Table<Parked>,
    pub(crate) cursors: Table<u64>,
    /// The sequence number through which the state reflects the log.
    pub(crate) applied: u64,
    pub(super) flushed: u64,
    /// The last applied record.
    pub(super) last_record: Option<Arc<Committed>>,
    /// The frozen changes that are not known to be on disk yet.
    pub(super) frozen: Option<Frozen>,
    /// The error of a row that could not be read while a record was applied. The state is not valid
    /// until it is rebuilt.
    pub(super) broken: Option<StoreError>,
}

impl MaterializedState {
    /// The state on disk, which reflects the log through `flushed`.
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
            last_record: None,
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
        // After a rebuild the state may be ahead of the pending records.
        if self
            .last_record
            .as_ref()
            .is_none_or(|last_record| last_record.last_seq() <= record.last_seq())
        {
            self.last_record = Some(Arc::clone(record));
        }
        Ok(())
    }

    /// Applies a record to everything except the streams.
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
        // The record may have been applied before, whole or in part.
        self.applied = self.applied.max(record.last_seq());
        Ok(())
    }

    fn apply_kernel(&mut self, it: &CommittedEvent) {
        let event = it.event.as_any().downcast_ref().expect("the kernel's events have one type");
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

    /// Freezes the changes for flushing. If an earlier flush failed, returns its frozen changes.
    pub(super) fn freeze(&mut self) -> Frozen {
        if let Some(frozen) = &self.frozen {
            return frozen.clone();
        }
        self.streams_mut().freeze();
        self.tables().for_each(AnyTable::freeze);
        let digest = self.last_record.as_deref().map(Committed::digest);
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
