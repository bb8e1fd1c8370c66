//! The virtual clock: the world advances it and may set it back.

use std::sync::atomic::{AtomicI64, Ordering};

use earmark_kernel::UnixMillis;
use earmark_kernel::clock::Clock;

/// Noon of 2 January 2011.
pub(crate) const NOON: i64 = 1_293_969_600_000;
/// Milliseconds per day.
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

    /// Advances the clock by `ms`, or sets it back if `ms` is negative.
    pub(crate) fn advance(&self, ms: i64) {
        let now = self.now_ms.fetch_add(ms, Ordering::SeqCst) + ms;
        self.latest_ms.fetch_max(now, Ordering::SeqCst);
    }

    /// The latest time that this clock has shown.
    pub(crate) fn latest(&self) -> UnixMillis {
        UnixMillis(self.latest_ms.load(Ordering::SeqCst))
    }

    /// Sets the clock to the latest time that it has shown.
    pub(crate) fn correct(&self) {
        self.now_ms.store(self.latest().0, Ordering::SeqCst);
    }
}

impl Clock for WorldClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.now_ms.load(Ordering::SeqCst))
    }
}
