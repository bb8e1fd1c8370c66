//! The seam through which a measurement learns what time it is, waits, and starts threads.

use std::time::{Duration, Instant};

/// The present moment.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// Waits before something is looked at again.
#[expect(clippy::disallowed_methods, reason = "other programs say nothing when they are ready")]
pub fn hold(time: Duration) {
    std::thread::sleep(time);
}

/// Starts a thread that lives as long as the process.
#[expect(clippy::disallowed_methods, reason = "this is the seam through which threads come in")]
pub fn thread(run: impl FnOnce() + Send + 'static) {
    drop(std::thread::spawn(run));
}
