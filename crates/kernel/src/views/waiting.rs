//! How threads wait for events to apply or to flush, and how the writer waits under backpressure.

use std::sync::PoisonError;
use std::time::Duration;

use crate::views::backpressure::{Backpressure, FLUSH_AFTER_EVENTS, SLOW_WAIT};
use crate::views::projector::{PROJECT_AFTER_EVENTS, Projector, lock};

impl Projector {
    pub(crate) fn backpressure(&self) -> Backpressure {
        Backpressure::for_unflushed(self.unflushed())
    }

    /// Waits after a group as the backpressure requires.
    pub(crate) fn apply_backpressure(&self, pressure: Backpressure) {
        match pressure {
            Backpressure::None => {}
            Backpressure::Slow => {
                let waited = self.flush_finished.wait_timeout(lock(&self.pending), SLOW_WAIT);
                drop(waited.unwrap_or_else(PoisonError::into_inner));
            }
            Backpressure::Stop => {
                // Waiting for the flush in progress is usually enough.
                drop(lock(&self.flushing));
                while self.backpressure() == Backpressure::Stop {
                    if let Err(error) = self.flush() {
                        tracing::warn!(%error, "the views cannot be flushed");
                        return self.apply_backpressure(Backpressure::Slow);
                    }
                }
            }
        }
    }

    /// Waits until enough events are pending for the projector's thread, at most `timeout`.
    pub(crate) fn wait_for_events(&self, timeout: Duration) {
        let pending = lock(&self.pending);
        if self.head().saturating_sub(self.applied()) < PROJECT_AFTER_EVENTS {
            let waited = self.records_arrived.wait_timeout(pending, timeout);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Waits until a flush is due, at most `timeout`, and returns whether it is. With
    /// `may_flush == false` it waits for a signal or the timeout and returns `false`: after a flush
    /// that failed, the flusher must not retry immediately.
    pub(crate) fn wait_for_flush_due(&self, timeout: Duration, may_flush: bool) -> bool {
        let pending = lock(&self.pending);
        if !may_flush || !self.is_flush_due() {
            let waited = self.flush_due.wait_timeout(pending, timeout);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
        may_flush && self.is_flush_due()
    }

    pub(super) fn is_flush_due(&self) -> bool {
        self.applied().saturating_sub(self.flushed()) > FLUSH_AFTER_EVENTS
    }
}
