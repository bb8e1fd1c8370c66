//! The clock of the generator, and its waits.

use std::time::{Duration, Instant};

use earmark_kernel::clock::{Clock, SystemClock, sleep};

/// The present moment.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since the Unix epoch.
pub fn now_ms() -> i64 {
    SystemClock.now().0
}

/// Waits until a moment, to a millisecond.
pub async fn rest_until(moment: Instant) {
    sleep(moment.saturating_duration_since(now())).await;
}

/// Blocks this thread, precise to about ten microseconds.
#[expect(clippy::disallowed_methods, reason = "it paces the requests of an open loop")]
pub fn hold(time: Duration) {
    std::thread::sleep(time);
}

/// Starts a thread.
#[expect(clippy::disallowed_methods, reason = "it paces the requests of an open loop")]
pub fn thread(run: impl FnOnce() + Send + 'static) {
    // It ends after its last request is due.
    drop(std::thread::spawn(run));
}
