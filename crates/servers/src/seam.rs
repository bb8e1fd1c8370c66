//! The seam through which those who start servers learn what time it is, wait, and start threads.

use std::time::{Duration, Instant};

#[expect(clippy::disallowed_methods, reason = "real servers are awaited in real time")]
pub fn now() -> Instant {
    Instant::now()
}

/// Waits before it is asked again.
#[expect(clippy::disallowed_methods, reason = "other programs say nothing when they are ready")]
pub fn hold(time: Duration) {
    std::thread::sleep(time);
}

/// Starts a thread that ends by itself.
#[expect(clippy::disallowed_methods, reason = "this is the seam through which threads come in")]
pub fn thread(run: impl FnOnce() + Send + 'static) {
    drop(std::thread::spawn(run));
}
