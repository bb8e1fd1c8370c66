//! How partitions, records and positions are stored in columns.

use earmark_kernel::log::Record;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

/// A parameter of a statement; it is sent with its type.
pub(super) type Value<'v> = &'v (dyn ToSql + Sync);

/// The partition of a service that a log belongs to.
#[derive(Clone, Debug)]
pub(super) struct LogPartition {
    pub(super) service: String,
    pub(super) partition: i32,
}

impl LogPartition {
    /// The first two parameters of every statement about a log.
    pub(super) fn values(&self) -> [(Value<'_>, Type); 2] {
        [(&self.service, Type::TEXT), (&self.partition, Type::INT4)]
    }
}

/// Reads the columns `first_seq`, `last_seq`, `at` and `events`, which must come first.
pub(super) fn read_record(row: &Row) -> Record {
    Record {
        first_seq: from_sql(row.get(0)),
        last_seq: from_sql(row.get(1)),
        at_ms: row.get(2),
        events: row.get(3),
    }
}

/// SQL integers are signed; no log comes near the limit.
pub(super) fn to_sql(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

pub(super) fn from_sql(seq: i64) -> u64 {
    u64::try_from(seq).unwrap_or(0)
}
