//! The seam through which a test waits for a server: bounded polling, in real time.

use std::time::{Duration, Instant};

/// What is looked at again after so long.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Looks until it is so, at most so long; says whether it is.
#[must_use]
pub fn until(at_most: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let begun = now();
    while !is_so() {
        if begun.elapsed() > at_most {
            return false;
        }
        hold(POLL_INTERVAL);
    }
    true
}

/// The present moment.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a test waits in real time")]
pub fn now() -> Instant {
    Instant::now()
}

/// Waits before something is looked at again.
#[expect(clippy::disallowed_methods, reason = "other programs say nothing when they are ready")]
pub fn hold(time: Duration) {
    std::thread::sleep(time);
}
