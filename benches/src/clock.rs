//! Time, waiting and threads of measurements.

use std::io;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The current time.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// Blocks the thread for some time between two polls.
#[expect(clippy::disallowed_methods, reason = "other programs do not report when they are ready")]
pub fn hold(time: Duration) {
    std::thread::sleep(time);
}

/// Starts a thread that runs until the process exits.
#[expect(clippy::disallowed_methods, reason = "the only place that starts threads")]
pub fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}

/// Processor time of this process or of this thread, in seconds.
pub fn processor_seconds(of: ClockId) -> f64 {
    Duration::try_from(clock_gettime(of)).expect("processor time is not negative").as_secs_f64()
}
