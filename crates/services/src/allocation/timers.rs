//! When a stock must be looked at again although nobody asks.

use earmark_contracts::values::Day;
use earmark_kernel::UnixMillis;

use super::events::{Allocated, BatchCreated};

/// A hold ends.
pub(super) fn hold_end(fact: &Allocated) -> Option<UnixMillis> {
    fact.held_until
}

/// A batch expires at the beginning of its day.
pub(super) fn batch_expiry(fact: &BatchCreated) -> Option<UnixMillis> {
    fact.expires.map(Day::begin)
}
