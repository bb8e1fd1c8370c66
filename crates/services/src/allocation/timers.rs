//! When a stock must be looked at again although nobody asks.

use earmark_kernel::Now;

use super::events::{Allocated, BatchCreated};

const MS_PER_DAY: i64 = 86_400_000;

/// A hold ends.
pub(super) fn hold_end(fact: &Allocated) -> Option<Now> {
    fact.held_until
}

/// A batch expires at the beginning of its day.
pub(super) fn batch_expiry(fact: &BatchCreated) -> Option<Now> {
    let day = fact.expires?;
    let since_epoch = day.0.since(earmark_contracts::values::EPOCH).ok()?;
    Some(Now(i64::from(since_epoch.get_days()) * MS_PER_DAY))
}
