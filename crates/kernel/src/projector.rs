//! What follows the log of one partition in memory: views, streams, answers, timers, cursors.

mod flushing;
mod tail;
mod waiting;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};

use tokio::sync::watch;

use crate::aggregate::AnyRecorder;
use crate::envelope::{Committed, CommittedEvent};
use crate::kernel_event::{Answered, KernelEvent, Parked};
use crate::kinds::KindIndex;
use crate::log::{LogStore, StoreError};
use crate::message::Key;
use crate::partition::{Limits, Stores};
use crate::rows::RowStore;
use crate::service::Service;
use crate::snapshots::Copies;
use crate::stream::Streams;
use crate::table::{AnyTable, Table};
use crate::view::AnyView;
use tail::Tail;
use waiting::PROJECT_AFTER_EVENTS;
pub(crate) use waiting::{Backpressure, FLUSH_AFTER_EVENTS};

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
    streams: Arc<RwLock<Streams>>,
    pub(crate) answers: Table<Answered>,
    pub(crate) timers: Table<()>,
    pub(crate) parked: Table<Parked>,
    pub(crate) cursors: Table<u64>,
    /// Reflects the log through this number.
    pub(crate) applied: u64,
    flushed: u64,
    /// The last record that is applied.
    end: Option<Arc<Committed>>,
    /// Set apart through this number, and not yet known to be on disk.
    frozen: Option<Frozen>,
    /// A row could not be read while a record was applied: nothing here can be trusted until it is
    /// derived again.
    broken: Option<StoreError>,
}

impl MaterializedState {
    /// What the disk holds, flushed through this number.
    pub(crate) fn new(
        service: &Service,
        disk: &Arc<dyn RowStore>,
        limits: Limits,
        flushed: u64,
    ) -> Self {
        let (kinds, rows, after) =
            (Arc::clone(&service.kinds), Arc::clone(disk), limits.snapshot_events);
        let open = |it: &crate::registration::ViewEntry| (it.open)(it.kind, Arc::clone(disk));
        Self {
            views: service.views.iter().map(open).collect(),
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

    fn streams_mut(&self) -> RwLockWriteGuard<'_, Streams> {
        self.streams.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply(&mut self, service: &Service, record: &Arc<Committed>) -> Result<(), StoreError> {
        self.derive(service, record)?;
        // What is derived again may have come further than what waits.
        if self.end.as_ref().is_none_or(|end| end.last_seq() <= record.last_seq()) {
            self.end = Some(Arc::clone(record));
        }
        Ok(())
    }

    /// Applies a record to everything but the streams.
    pub(crate) fn derive(
        &mut self,
        service: &Service,
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
            for timer in service.timers.iter().filter(|timer| timer.fact == event.name) {
                if let Some(due) = (timer.due)(event) {
                    self.timers.put(crate::timer::row_key(due, event.kind, &event.key), ());
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
    fn freeze(&mut self) -> Frozen {
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

    fn mark_flushed(&mut self, through: u64, snapshots: &[((KindIndex, Key), u64)]) {
        self.streams_mut().mark_flushed(snapshots);
        self.tables().for_each(AnyTable::mark_flushed);
        self.frozen = None;
        self.flushed = through;
    }
}

/// Follows the log of one partition: whoever needs the present state brings it up to date.
pub(crate) struct Projector {
    service: Arc<Service>,
    log: Arc<dyn LogStore>,
    disk: Arc<dyn RowStore>,
    limits: Limits,
    materialized: RwLock<MaterializedState>,
    /// Those of the materialized.
    streams: Arc<RwLock<Streams>>,
    /// Committed, not applied yet.
    pending: Mutex<VecDeque<Arc<Committed>>>,
    arrived: Condvar,
    /// Many are applied and not flushed, or were flushed; with [`Projector::pending`].
    flushing_due: Condvar,
    flush_ended: Condvar,
    applied: AtomicU64,
    flushed: AtomicU64,
    head: watch::Sender<u64>,
    flushing: Mutex<()>,
    copies: Copies,
    tail: Tail,
}

impl Projector {
    pub(crate) fn new(
        service: Arc<Service>,
        stores: &Stores,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        let (log, disk) = (Arc::clone(&stores.log), Arc::clone(&stores.rows));
        let flushed = disk.flushed()?;
        let materialized = MaterializedState::new(&service, &disk, limits, flushed);
        Ok(Self {
            service,
            log,
            disk,
            limits,
            streams: Arc::clone(&materialized.streams),
            materialized: RwLock::new(materialized),
            pending: Mutex::default(),
            arrived: Condvar::new(),
            flushing_due: Condvar::new(),
            flush_ended: Condvar::new(),
            applied: AtomicU64::new(flushed),
            flushed: AtomicU64::new(flushed),
            head: watch::Sender::new(flushed),
            flushing: Mutex::new(()),
            copies: Copies::default(),
            tail: Tail::default(),
        })
    }

    /// Takes over what was committed. Records come in order; one that came before, from another
    /// reader of the same log, is left out.
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
            self.arrived.notify_one();
        }
    }

    /// The number of the last committed event.
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

    /// The state as of the head at this moment, for reading.
    pub(crate) fn read(&self) -> Result<RwLockReadGuard<'_, MaterializedState>, StoreError> {
        self.follow()?;
        self.read_known()
    }

    /// The state as far as the log is applied.
    fn as_applied(&self) -> Result<RwLockReadGuard<'_, MaterializedState>, StoreError> {
        let materialized = self.materialized.read().unwrap_or_else(PoisonError::into_inner);
        match &materialized.broken {
            None => Ok(materialized),
            Some(error) => Err(error.clone()),
        }
    }

    /// Applies what was committed and not applied yet.
    pub(crate) fn catch_up(&self) -> Result<(), StoreError> {
        if self.applied() == self.head() {
            return Ok(());
        }
        drop(self.write()?);
        Ok(())
    }

    /// The state as of the head, for a change that is not from the log (a timer that rang).
    pub(crate) fn write(&self) -> Result<RwLockWriteGuard<'_, MaterializedState>, StoreError> {
        self.write_if_sound().or_else(|_| {
            self.derive_again(&lock(&self.flushing))?;
            self.write_if_sound()
        })
    }

    fn write_if_sound(&self) -> Result<RwLockWriteGuard<'_, MaterializedState>, StoreError> {
        let mut materialized = self.materialized.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = &materialized.broken {
            return Err(error.clone());
        }
        let pending = {
            // Who loads finds a record there or here.
            let mut streams = materialized.streams_mut();
            let pending = std::mem::take(&mut *lock(&self.pending));
            pending.iter().for_each(|record| streams.apply(record));
            pending
        };
        for record in pending {
            if let Err(error) = materialized.apply(&self.service, &record) {
                tracing::warn!(%error, "the views cannot follow the log; they are derived again");
                materialized.broken = Some(error.clone());
                return Err(error);
            }
            self.applied.store(materialized.applied, Ordering::Release);
        }
        if self.is_flushing_due() {
            self.flushing_due.notify_one();
        }
        Ok(materialized)
    }

    /// Forgets a state that cannot be trusted and derives it from the disk and the log; nothing is
    /// flushed meanwhile.
    fn derive_again(&self, _flushing: &MutexGuard<'_, ()>) -> Result<(), StoreError> {
        let mut materialized = self.materialized.write().unwrap_or_else(PoisonError::into_inner);
        if materialized.broken.is_none() {
            return Ok(());
        }
        let (flushed, head) = (self.disk.flushed()?, self.head());
        let mut anew = MaterializedState::new(&self.service, &self.disk, self.limits, flushed);
        while anew.applied < head {
            let records = self.log.read_after(anew.applied, FLUSH_AFTER_EVENTS)?;
            if records.is_empty() {
                return Err(StoreError(format!("the log has nothing after {}", anew.applied)));
            }
            for record in records {
                let record = Arc::new(Committed::read(record, &self.service.kinds)?);
                anew.streams_mut().apply(&record);
                anew.apply(&self.service, &record)?;
            }
        }
        self.applied.store(anew.applied, Ordering::Release);
        self.flushed.store(flushed, Ordering::Release);
        std::mem::swap(&mut *materialized.streams_mut(), &mut *anew.streams_mut());
        anew.streams = Arc::clone(&self.streams);
        *materialized = anew;
        Ok(())
    }

    /// Gives the writer's copies of what snapshots are due of.
    pub(crate) fn give_copies(
        &self,
        through_seq: u64,
        copy: impl FnMut(&(KindIndex, Key)) -> Option<Box<dyn AnyRecorder>>,
    ) {
        self.copies.give(through_seq, copy);
    }

    /// An aggregate as the log has it. What is not applied yet is folded here, not applied first:
    /// the writer does not wait for the views.
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

    /// The answer kept under a key, as far as the log is applied: who asks knows what is newer.
    pub(crate) fn applied_answer(&self, key: &Key) -> Result<Option<Answered>, StoreError> {
        self.as_applied().or_else(|_| self.read())?.answers.get(key)
    }

    pub(crate) fn answer(&self, key: &Key) -> Result<Option<Answered>, StoreError> {
        self.read()?.answers.get(key)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
