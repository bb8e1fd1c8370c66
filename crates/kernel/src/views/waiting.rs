//! How threads wait for events to apply or to flush, and how the writer waits under backpressure.

use std::sync::PoisonError;
use std::time::Duration;

use crate::views::backpressure::{Backpressure, FLUSH_AFTER_EVENTS, SLOW_WAIT};
use crate::views::projector::{PROJECT_AFTER_EVENTS, Projector, lock};

impl Projector {
    pub(crate) fn backpressure(&self) -> Backpressure {
        Backpressure::of(self.unflushed())
    }

    /// Waits after a group as the backpressure requires.
    pub(crate) fn apply_backpressure(&self, pressure: Backpressure) {
        match pressure {
            Backpressure::None => {}
            Backpressure::Slow => {
                let waited = self.flush_ended.wait_timeout(lock(&self.pending), SLOW_WAIT);
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
    pub(crate) fn wait(&self, at_most: Duration) {
        let pending = lock(&self.pending);
        if self.head().saturating_sub(self.applied()) < PROJECT_AFTER_EVENTS {
            let waited = self.arrived.wait_timeout(pending, at_most);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Waits until a flush is due, at most `timeout`, and returns whether it is. With
    /// `may_flush == false` it waits for a signal or the timeout and returns `false`: after a flush
    /// that failed, the flusher must not retry immediately.
    pub(crate) fn wait_to_flush(&self, at_most: Duration, is_looked_for: bool) -> bool {
        let pending = lock(&self.pending);
        if !is_looked_for || !self.is_flushing_due() {
            let waited = self.flushing_due.wait_timeout(pending, at_most);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
        is_looked_for && self.is_flushing_due()
    }

    pub(super) fn is_flushing_due(&self) -> bool {
        self.applied().saturating_sub(self.flushed()) > FLUSH_AFTER_EVENTS
    }
}
