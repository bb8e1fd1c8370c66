//! The last record that was seen in a log. A server that takes over from another may lack it: then
//! what this process has in memory is not what the log says.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tokio_postgres::Row;
use uuid::Uuid;

use super::error::Error;
use super::log::{from_sql, to_sql};

/// A record that was in the log.
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

    /// As the function `expect` takes it.
    pub(super) fn values(known: Option<Self>) -> (Option<i64>, Option<Uuid>) {
        (known.map(|it| to_sql(it.first_seq)), known.map(|it| it.group))
    }
}

/// What a process has seen of a log.
#[derive(Debug, Default)]
pub(super) struct Memory {
    last: Mutex<Option<LastRecord>>,
    lost: OnceLock<String>,
}

impl Memory {
    pub(super) fn last(&self) -> Option<LastRecord> {
        *self.lock()
    }

    /// Why this process cannot go on, if so.
    pub(super) fn lost(&self) -> Option<&str> {
        self.lost.get().map(String::as_str)
    }

    pub(super) fn see(&self, seen: LastRecord) {
        let mut last = self.lock();
        if last.is_none_or(|last| last.first_seq < seen.first_seq) {
            *last = Some(seen);
        }
    }

    /// Takes note of a error that means the end.
    pub(super) fn hear(&self, error: Error) -> Error {
        if let Error::Lost(why) = &error {
            let why = format!(
                "{why}: the server that took over had not got everything, and what it lacks is gone"
            );
            self.lost.get_or_init(|| why);
        }
        error
    }

    fn lock(&self) -> MutexGuard<'_, Option<LastRecord>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
