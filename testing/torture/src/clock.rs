//! Real time: this program observes other processes from outside, so no clock can be injected.

use std::time::{Duration, Instant};

/// A point in time of this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(Instant);

impl Moment {
    #[expect(clippy::disallowed_methods, reason = "real processes run in real time")]
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn passed(self) -> Duration {
        Self::now().0.saturating_duration_since(self.0)
    }

    /// The time from this moment to a later one.
    pub(crate) fn until(self, later: Self) -> Duration {
        later.0.saturating_duration_since(self.0)
    }

    pub(crate) fn plus(self, time: Duration) -> Self {
        Self(self.0 + time)
    }

    pub(crate) fn is_over(self) -> bool {
        self <= Self::now()
    }
}

/// Waits without blocking the thread.
#[expect(clippy::disallowed_methods, reason = "real processes run in real time")]
pub(crate) async fn sleep(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}
