//! The seam through which a measurement learns what time it is, waits, and starts threads.

use std::io;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

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
pub fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}

/// What all threads of this process have used of the processors, or this one.
pub fn processor_seconds(of: ClockId) -> f64 {
    Duration::try_from(clock_gettime(of)).expect("it only grows").as_secs_f64()
}
