//! Times at which a stock is checked although no command arrives.

use earmark_contracts::values::Day;
use earmark_kernel::UnixMillis;

use super::events::{Allocated, BatchCreated};

/// The end of a hold that no reservation ends.
pub(super) fn hold_end(fact: &Allocated) -> Option<UnixMillis> {
    fact.held_until.filter(|_| fact.reservation.is_none())
}

/// The beginning of a batch's expiry day.
pub(super) fn batch_expiry(fact: &BatchCreated) -> Option<UnixMillis> {
    fact.expires.map(Day::begin)
}
