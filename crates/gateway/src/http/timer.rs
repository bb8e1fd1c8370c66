//! Waiting and deadlines: the only place where the gateway reads the runtime's clock.
#![expect(
    clippy::disallowed_methods,
    reason = "the seam through which sockets and tasks of the gateway wait; no decision rests on it"
)]

use std::time::Duration;

use tokio::time::{Instant, Sleep};

pub(crate) fn sleep(duration: Duration) -> Sleep {
    tokio::time::sleep(duration)
}

pub(crate) fn sleep_until(deadline: Instant) -> Sleep {
    tokio::time::sleep_until(deadline)
}

/// When a wait that starts now is over.
pub(crate) fn deadline_after(duration: Duration) -> Instant {
    Instant::now() + duration
}
