//! Virtual time: it passes when the world says so, and may go back, as real clocks do.

use std::sync::atomic::{AtomicI64, Ordering};

use earmark_kernel::UnixMillis;
use earmark_kernel::clock::Clock;

/// Noon of 2 January 2011.
pub(crate) const NOON: i64 = 1_293_969_600_000;
/// Milliseconds a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// The clock of a simulated world.
#[derive(Debug)]
pub(crate) struct WorldClock {
    now_ms: AtomicI64,
    latest_ms: AtomicI64,
}

impl WorldClock {
    pub(crate) fn new() -> Self {
        Self { now_ms: AtomicI64::new(NOON), latest_ms: AtomicI64::new(NOON) }
    }

    /// Time passes, or goes back where `ms` is negative.
    pub(crate) fn pass(&self, ms: i64) {
        let now = self.now_ms.fetch_add(ms, Ordering::SeqCst) + ms;
        self.latest_ms.fetch_max(now, Ordering::SeqCst);
    }

    /// The latest moment this clock ever showed.
    pub(crate) fn latest(&self) -> UnixMillis {
        UnixMillis(self.latest_ms.load(Ordering::SeqCst))
    }

    /// Shows the latest moment again: somebody has set the clock right.
    pub(crate) fn correct(&self) {
        self.now_ms.store(self.latest().0, Ordering::SeqCst);
    }
}

impl Clock for WorldClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.now_ms.load(Ordering::SeqCst))
    }
}
