//! Coordinates reads of a shared log's tail: concurrent readers share one read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::ports::log::StoreError;

/// Shares reads of a log's tail between concurrent callers.
#[derive(Default)]
pub(super) struct Tail {
    state: Mutex<State>,
    ended: Condvar,
    is_still: AtomicBool,
}

#[derive(Default)]
struct State {
    /// The number of reads started so far, and the number of the last finished one.
    begun: u64,
    ended: u64,
    outcome: Option<StoreError>,
}

impl Tail {
    /// Reads the tail of the log, or waits for another caller's read that started after this call.
    /// A read that started earlier may have missed commands that were answered before this call.
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
        let broken = Err(StoreError("reading the log was interrupted".into()));
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

/// Reports the outcome of a read to the waiting callers when it is dropped, even in a panic.
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
