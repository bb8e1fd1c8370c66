//! The seam through which the generator learns what time it is, and waits.

use std::time::{Duration, Instant};

/// The present moment.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// Waits until a moment, to a millisecond.
pub async fn rest_until(moment: Instant) {
    let time = moment.saturating_duration_since(now());
    let _ = tokio::time::timeout(time, std::future::pending::<()>()).await;
}

/// Holds this thread up, to some ten microseconds.
#[expect(clippy::disallowed_methods, reason = "it paces the requests of an open loop")]
pub fn hold(time: Duration) {
    std::thread::sleep(time);
}

/// Starts a thread.
#[expect(clippy::disallowed_methods, reason = "it paces the requests of an open loop")]
pub fn thread(run: impl FnOnce() + Send + 'static) {
    // It ends by itself, when its last request is due.
    drop(std::thread::spawn(run));
}
