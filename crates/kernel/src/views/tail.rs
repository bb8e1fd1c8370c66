//! The end of a log that other processes append to: asked for by many readers, read once for all.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::ports::log::StoreError;

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
    pub(super) fn follow(
        &self,
        read: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
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

    pub(super) fn stand_still(&self, is_still: bool) {
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
