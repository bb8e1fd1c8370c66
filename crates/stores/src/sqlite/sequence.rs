//! Sequence numbers as SQL integers.

/// SQL integers are signed; no log comes near the limit.
pub(super) fn to_sql(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

pub(super) fn from_sql(seq: i64) -> u64 {
    u64::try_from(seq).unwrap_or(0)
}
