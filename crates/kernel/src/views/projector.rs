//! The projector of one partition: applies the log to the derived state in memory.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};

use tokio::sync::watch;

use crate::model::aggregate::AnyRecorder;
use crate::model::envelope::Committed;
use crate::model::kernel_event::Answered;
use crate::model::kinds::KindIndex;
use crate::model::limits::Limits;
use crate::model::message::Key;
use crate::ports::log::{LogStore, StoreError};
use crate::ports::rows::RowStore;
use crate::ports::stores::Stores;
use crate::views::backpressure::FLUSH_AFTER_EVENTS;
use crate::views::log_schema::LogSchema;
use crate::views::materialized_state::MaterializedState;
use crate::views::snapshots::CopyRequests;
use crate::views::stream::Streams;
use crate::views::tail::SharedTail;

/// Number of unapplied events that wakes the projector's thread. Readers apply fewer events
/// themselves, and large batches cost less per event.
pub(super) const PROJECT_AFTER_EVENTS: u64 = 512;

/// Applies the log of one partition to its derived state. Readers bring the state up to date
/// themselves; the projector's thread applies large backlogs.
pub(crate) struct Projector {
    pub(super) schema: Arc<LogSchema>,
    pub(super) log: Arc<dyn LogStore>,
    pub(super) disk: Arc<dyn RowStore>,
    pub(super) limits: Limits,
    pub(super) materialized: RwLock<MaterializedState>,
    /// The same streams as in the materialized state.
    pub(super) streams: Arc<RwLock<Streams>>,
    /// Committed records that are not applied yet.
    pub(super) pending: Mutex<VecDeque<Arc<Committed>>>,
    pub(super) records_arrived: Condvar,
    /// Signalled when a flush becomes due; used with the mutex of [`Projector::pending`].
    pub(super) flush_due: Condvar,
    pub(super) flush_finished: Condvar,
    pub(super) applied: AtomicU64,
    pub(super) flushed: AtomicU64,
    pub(super) head: watch::Sender<u64>,
    pub(super) flushing: Mutex<()>,
    pub(super) copy_requests: CopyRequests,
    pub(super) tail: SharedTail,
}

impl Projector {
    pub(crate) fn new(
        schema: Arc<LogSchema>,
        stores: &Stores,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        let (log, disk) = (Arc::clone(&stores.log), Arc::clone(&stores.rows));
        let flushed = disk.flushed()?;
        let materialized = MaterializedState::new(&schema, &disk, limits, flushed);
        Ok(Self {
            schema,
            log,
            disk,
            limits,
            streams: Arc::clone(&materialized.streams),
            materialized: RwLock::new(materialized),
            pending: Mutex::default(),
            records_arrived: Condvar::new(),
            flush_due: Condvar::new(),
            flush_finished: Condvar::new(),
            applied: AtomicU64::new(flushed),
            flushed: AtomicU64::new(flushed),
            head: watch::Sender::new(flushed),
            flushing: Mutex::new(()),
            copy_requests: CopyRequests::default(),
            tail: SharedTail::default(),
        })
    }

    /// Adds a committed record to the pending ones. Records arrive in order; one that was added
    /// before by another reader of the same log is ignored.
    pub(crate) fn publish(&self, committed: Arc<Committed>) {
        let last = committed.last_seq();
        let mut pending = lock(&self.pending);
        if last <= self.head() {
            return;
        }
        pending.push_back(committed);
        self.head.send_replace(last);
        drop(pending);
        if last.saturating_sub(self.applied()) >= PROJECT_AFTER_EVENTS {
            self.records_arrived.notify_one();
        }
    }

    /// The sequence number of the last committed event.
    pub(crate) fn head(&self) -> u64 {
        *self.head.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    pub(crate) fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    pub(crate) fn flushed(&self) -> u64 {
        self.flushed.load(Ordering::Acquire)
    }

    pub(crate) fn unflushed(&self) -> u64 {
        self.head().saturating_sub(self.flushed())
    }

    /// The state as of the current head of the log, including records of other processes.
    pub(crate) fn read(&self) -> Result<RwLockReadGuard<'_, MaterializedState>, StoreError> {
        self.follow()?;
        self.read_local()
    }

    /// The state without applying pending records.
    pub(super) fn read_applied(
        &self,
    ) -> Result<RwLockReadGuard<'_, MaterializedState>, StoreError> {
        let materialized = self.materialized.read().unwrap_or_else(PoisonError::into_inner);
        match &materialized.broken {
            None => Ok(materialized),
            Some(error) => Err(error.clone()),
        }
    }

    /// Applies the pending records.
    pub(crate) fn catch_up(&self) -> Result<(), StoreError> {
        if self.applied() == self.head() {
            return Ok(());
        }
        drop(self.write()?);
        Ok(())
    }

    /// The state as of the head, for a change that does not come from the log (a timer that fired).
    pub(crate) fn write(&self) -> Result<RwLockWriteGuard<'_, MaterializedState>, StoreError> {
        self.write_unless_broken().or_else(|_| {
            self.rebuild(&lock(&self.flushing))?;
            self.write_unless_broken()
        })
    }

    pub(super) fn write_unless_broken(
        &self,
    ) -> Result<RwLockWriteGuard<'_, MaterializedState>, StoreError> {
        let mut materialized = self.materialized.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = &materialized.broken {
            return Err(error.clone());
        }
        let pending = {
            // The streams stay locked, so `load` finds a record either in them or in `pending`.
            let mut streams = materialized.streams_mut();
            let pending = std::mem::take(&mut *lock(&self.pending));
            pending.iter().for_each(|record| streams.apply(record));
            pending
        };
        for record in pending {
            if let Err(error) = materialized.apply(&self.schema, &record) {
                tracing::warn!(%error, "the views cannot apply the log; they will be rebuilt");
                materialized.broken = Some(error.clone());
                return Err(error);
            }
            self.applied.store(materialized.applied, Ordering::Release);
        }
        if self.is_flush_due() {
            self.flush_due.notify_one();
        }
        Ok(materialized)
    }

    /// Replaces an invalid state by one that is rebuilt from the disk and the log. The guard makes
    /// sure that nothing is flushed meanwhile.
    pub(super) fn rebuild(&self, _flushing: &MutexGuard<'_, ()>) -> Result<(), StoreError> {
        let mut materialized = self.materialized.write().unwrap_or_else(PoisonError::into_inner);
        if materialized.broken.is_none() {
            return Ok(());
        }
        let (flushed, head) = (self.disk.flushed()?, self.head());
        let mut rebuilt = MaterializedState::new(&self.schema, &self.disk, self.limits, flushed);
        while rebuilt.applied < head {
            let records = self.log.read_after(rebuilt.applied, FLUSH_AFTER_EVENTS)?;
            if records.is_empty() {
                return Err(StoreError(format!(
                    "the log has no records after {}",
                    rebuilt.applied
                )));
            }
            for record in records {
                let record = Arc::new(Committed::read(record, &self.schema.kinds)?);
                rebuilt.streams_mut().apply(&record);
                rebuilt.apply(&self.schema, &record)?;
            }
        }
        self.applied.store(rebuilt.applied, Ordering::Release);
        self.flushed.store(flushed, Ordering::Release);
        std::mem::swap(&mut *materialized.streams_mut(), &mut *rebuilt.streams_mut());
        rebuilt.streams = Arc::clone(&self.streams);
        *materialized = rebuilt;
        Ok(())
    }

    /// Provides copies of the writer's aggregates for which snapshots are due.
    pub(crate) fn provide_copies(
        &self,
        through_seq: u64,
        copy: impl FnMut(&(KindIndex, Key)) -> Option<Box<dyn AnyRecorder>>,
    ) {
        self.copy_requests.provide(through_seq, copy);
    }

    /// Loads an aggregate as of the last committed record. Its pending events are folded here
    /// instead of being applied to the views first, so the writer does not wait for the views.
    pub(crate) fn load(
        &self,
        kind: KindIndex,
        key: &Key,
    ) -> Result<Box<dyn AnyRecorder>, StoreError> {
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        let mut recorder = streams.load(kind, key)?;
        let pending = lock(&self.pending);
        let events = pending.iter().flat_map(|record| record.numbered());
        let events = events.filter(|(seq, _)| *seq > streams.applied());
        let own = events.filter(|(_, event)| event.kind == kind && event.key == *key);
        own.for_each(|(_, event)| recorder.fold_any(event.event.as_any()));
        Ok(recorder)
    }

    /// The answer stored under a key, without applying pending records: the writer that calls this
    /// has the newer answers in memory.
    pub(crate) fn applied_answer(&self, key: &Key) -> Result<Option<Answered>, StoreError> {
        self.read_applied().or_else(|_| self.read())?.answers.get(key)
    }

    /// The answer stored under a key, as of the current head of the log.
    pub(crate) fn answer(&self, key: &Key) -> Result<Option<Answered>, StoreError> {
        self.read()?.answers.get(key)
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
