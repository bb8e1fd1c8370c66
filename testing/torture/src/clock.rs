//! Real time: this program watches other processes from outside, so no clock can be injected.

use std::time::{Duration, Instant};

/// A moment of this run.
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

    /// From this moment to a later one.
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

/// Lets time pass.
pub(crate) async fn rest(time: Duration) {
    if !time.is_zero() {
        let _ = tokio::time::timeout(time, std::future::pending::<()>()).await;
    }
}
