//! Fencing after a failover: the last record that this process saw in a log. A server that takes
//! over may lack that record. Then the state in memory no longer matches the log.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tokio_postgres::Row;
use uuid::Uuid;

use super::columns::{from_sql, to_sql};
use super::error::Error;

/// Identifies a record that was in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LastRecord {
    pub(super) first_seq: u64,
    pub(super) group: Uuid,
}

impl LastRecord {
    /// From the columns `first_seq` and `group_id`.
    pub(super) fn of(row: &Row) -> Self {
        Self { first_seq: from_sql(row.get("first_seq")), group: row.get("group_id") }
    }

    /// As parameters of the SQL function `earmark.expect`.
    pub(super) fn values(last: Option<Self>) -> (Option<i64>, Option<Uuid>) {
        (last.map(|it| to_sql(it.first_seq)), last.map(|it| it.group))
    }
}

/// The last record of a log that this process saw, and whether it was found missing.
#[derive(Debug, Default)]
pub(super) struct SeenLog {
    last: Mutex<Option<LastRecord>>,
    lost: OnceLock<String>,
}

impl SeenLog {
    pub(super) fn last(&self) -> Option<LastRecord> {
        *self.lock()
    }

    /// Why this process cannot continue, once a seen record is missing.
    pub(super) fn lost(&self) -> Option<&str> {
        self.lost.get().map(String::as_str)
    }

    /// Remembers a record, unless a later one was seen.
    pub(super) fn advance(&self, seen: LastRecord) {
        let mut last = self.lock();
        if last.is_none_or(|last| last.first_seq < seen.first_seq) {
            *last = Some(seen);
        }
    }

    /// Passes an error on; remembers one that reports a missing record.
    pub(super) fn check(&self, error: Error) -> Error {
        if let Error::Lost(why) = &error {
            let why = format!(
                "{why}: the server that took over had not replicated everything, and the missing \
                 events are lost"
            );
            self.lost.get_or_init(|| why);
        }
        error
    }

    fn lock(&self) -> MutexGuard<'_, Option<LastRecord>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
