//! Operations: what an effect carries out, when it is due, and how long a retry waits.

use xxhash_rust::xxh3::xxh3_64;

use crate::model::message::Key;
use crate::ports::clock::UnixMillis;

/// How long an attempt that was begun is left alone, in milliseconds. It equals the duration of a
/// lease: when this time has passed since an attempt was begun, the lease under which it was begun
/// has run out or is still held by the same worker.
///
/// A service that counts attempts sets the due time of an operation to the time of `begin` plus
/// this, until the answer arrives.
pub const ATTEMPT_WAIT_MS: i64 = 10_000;

/// The wait after the first run that did not finish an operation, in milliseconds.
const BACKOFF_MS_MIN: i64 = 1_000;
/// The longest wait between two runs, in milliseconds.
const BACKOFF_MS_MAX: i64 = 60_000;

/// An operation of an effect that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueOperation {
    /// Identifies the operation for ever, at external systems too.
    pub id: Key,
    /// When it became due. An attempt under way is due [`ATTEMPT_WAIT_MS`] after it was begun, so
    /// that a new worker does not repeat a call of the previous one that may still be answered.
    pub due: UnixMillis,
    /// The number of attempts that were begun, according to the log; 0 if none was begun or none
    /// is counted.
    pub attempt: u32,
}

/// How long an operation waits after its run number `runs` (from 1) did not finish it, in
/// milliseconds: one second, doubled with each run up to 60 seconds, of which up to half is taken
/// off ("equal jitter": Brooker, *Exponential Backoff And Jitter*, AWS 2015). The same arguments
/// give the same wait. A handler that calls this records the resulting time, so that a later change
/// of these numbers does not change what views derive from old events.
#[must_use]
pub fn backoff_ms(id: &str, runs: u32) -> i64 {
    let doublings = runs.saturating_sub(1).min(6);
    let longest = (BACKOFF_MS_MIN << doublings).min(BACKOFF_MS_MAX);
    let half = longest / 2;
    let hash = xxh3_64(format!("{id}\u{1f}{runs}").as_bytes());
    let jitter = hash % (half.unsigned_abs() + 1);
    longest - i64::try_from(jitter).expect("at most half of the longest wait")
}
