//! Waiting for servers in tests: polling in real time with a limit.

use std::time::{Duration, Instant};

/// Time between two polls.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Polls a condition until it is true, at most for `at_most`; returns whether it became true.
#[must_use]
pub fn until(at_most: Duration, mut is_true: impl FnMut() -> bool) -> bool {
    let begun = now();
    while !is_true() {
        if begun.elapsed() > at_most {
            return false;
        }
        hold(POLL_INTERVAL);
    }
    true
}

/// The current time.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a test waits in real time")]
pub fn now() -> Instant {
    Instant::now()
}

/// Blocks the thread for some time between two polls.
#[expect(clippy::disallowed_methods, reason = "other programs do not report when they are ready")]
pub fn hold(time: Duration) {
    std::thread::sleep(time);
}
