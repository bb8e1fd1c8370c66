//! Coordinates reads of a shared log's tail: concurrent readers share one read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::ports::log::StoreError;

/// Shares reads of a log's tail between concurrent callers.
#[derive(Default)]
pub(super) struct SharedTail {
    state: Mutex<State>,
    read_finished: Condvar,
    is_paused: AtomicBool,
}

#[derive(Default)]
struct State {
    /// The number of reads started so far, and the number of the last finished one.
    started: u64,
    finished: u64,
    outcome: Option<StoreError>,
}

impl SharedTail {
    /// Reads the tail of the log, or waits for another caller's read that started after this call.
    /// A read that started earlier may have missed commands that were answered before this call.
    pub(super) fn follow(
        &self,
        read: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if self.is_paused.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut state = self.lock();
        let needed = state.started + 1;
        while state.started > state.finished && state.finished < needed {
            state = self.read_finished.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.finished >= needed {
            return state.outcome.clone().map_or(Ok(()), Err);
        }
        state.started += 1;
        let number = state.started;
        drop(state);
        let interrupted = Err(StoreError("reading the log was interrupted".into()));
        let mut guard = FinishRead { tail: self, number, outcome: interrupted };
        guard.outcome = read();
        guard.outcome.clone()
    }

    pub(super) fn set_paused(&self, is_paused: bool) {
        self.is_paused.store(is_paused, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reports the outcome of a read to the waiting callers when it is dropped, even in a panic.
struct FinishRead<'t> {
    tail: &'t SharedTail,
    number: u64,
    outcome: Result<(), StoreError>,
}

impl Drop for FinishRead<'_> {
    fn drop(&mut self) {
        let mut state = self.tail.lock();
        state.finished = self.number;
        state.outcome = self.outcome.clone().err();
        drop(state);
        self.tail.read_finished.notify_all();
    }
}
