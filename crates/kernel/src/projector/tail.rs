//! The end of a log that others write to: asked for by many readers, read once for all of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLockReadGuard};

use super::{FLUSH_AFTER_EVENTS, MaterializedState, Projector};
use crate::envelope::Committed;
use crate::log::StoreError;

impl Projector {
    /// Takes over what other processes have committed to this log by now, if there can be any.
    pub(crate) fn follow(&self) -> Result<(), StoreError> {
        if !self.log.is_shared() {
            return Ok(());
        }
        self.tail.follow(|| {
            loop {
                let records = self.log.read_after(self.head(), FLUSH_AFTER_EVENTS)?;
                if records.is_empty() {
                    return Ok(());
                }
                for record in records {
                    self.publish(Arc::new(Committed::read(record, &self.service.kinds)?));
                }
            }
        })
    }

    /// The state as of what is known here of the log.
    pub(crate) fn read_known(&self) -> Result<RwLockReadGuard<'_, MaterializedState>, StoreError> {
        self.catch_up()?;
        self.as_applied()
    }

    /// Stays where it is, while its state is compared with the log.
    pub(crate) fn stand_still(&self, is_still: bool) {
        self.tail.stand_still(is_still);
    }
}

/// Readings of a log's end.
#[derive(Default)]
pub(super) struct Tail {
    state: Mutex<State>,
    ended: Condvar,
    is_still: AtomicBool,
}

#[derive(Default)]
struct State {
    /// Readings that were begun, and the last that has ended.
    begun: u64,
    ended: u64,
    outcome: Option<StoreError>,
}

impl Tail {
    /// Reads the end of the log, or waits for a reading that began after this was called: an older
    /// one may have missed what was answered before.
    fn follow(&self, read: impl FnOnce() -> Result<(), StoreError>) -> Result<(), StoreError> {
        if self.is_still.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut state = self.lock();
        let enough = state.begun + 1;
        while state.begun > state.ended && state.ended < enough {
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.ended >= enough {
            return state.outcome.clone().map_or(Ok(()), Err);
        }
        state.begun += 1;
        let own = state.begun;
        drop(state);
        let broken = Err(StoreError("reading the log broke off".into()));
        let mut ending = Ending { tail: self, own, outcome: broken };
        ending.outcome = read();
        ending.outcome.clone()
    }

    fn stand_still(&self, is_still: bool) {
        self.is_still.store(is_still, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a reading, told to those who wait.
struct Ending<'t> {
    tail: &'t Tail,
    own: u64,
    outcome: Result<(), StoreError>,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let mut state = self.tail.lock();
        state.ended = self.own;
        state.outcome = self.outcome.clone().err();
        drop(state);
        self.tail.ended.notify_all();
    }
}
