//! The stores under test; each can be opened again on the same storage.

use earmark_kernel::log::{LogStore, Record};
use earmark_kernel::rows::{FlushBatch, KeyRange, RowStore};
use earmark_stores::memory::{MemoryLog, MemoryRows};
use earmark_stores::postgres::{Postgres, PostgresLog};
use earmark_stores::sqlite::{DataFolder, SqliteLog, SqliteRows, SqliteStore};
use tempfile::TempDir;

/// The store to test.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Memory,
    Sqlite,
    Postgres,
}

/// The name of every new log under test.
pub const LOG_ID: &str = "01890000-0000-7000-8000-000000000001";

/// A store on its own storage, which is deleted when this is dropped.
pub enum Subject {
    Memory {
        log: MemoryLog,
        rows: MemoryRows,
    },
    Sqlite {
        stores: Option<Box<(SqliteLog, SqliteRows)>>,
        folder: TempDir,
    },
    /// It stores only the log.
    Postgres {
        log: Box<PostgresLog>,
        url: String,
        _server: earmark_servers::postgres::Postgres,
    },
}

impl Subject {
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::Memory => Self::Memory { log: MemoryLog::new(LOG_ID), rows: MemoryRows::new() },
            Kind::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let stores = Some(Box::new(open(&folder, LOG_ID)));
                Self::Sqlite { stores, folder }
            }
            Kind::Postgres => {
                let server = earmark_servers::postgres::Postgres::start(&[]).unwrap();
                let url = server.database("shop").unwrap();
                let log = Box::new(open_postgres(&url, LOG_ID));
                Self::Postgres { log, url, _server: server }
            }
        }
    }

    pub fn log(&self) -> &dyn LogStore {
        match self {
            Self::Memory { log, .. } => log,
            Self::Sqlite { stores, .. } => &stores.as_ref().unwrap().0,
            Self::Postgres { log, .. } => log.as_ref(),
        }
    }

    pub fn rows(&self) -> &dyn RowStore {
        match self {
            Self::Memory { rows, .. } => rows,
            Self::Sqlite { stores, .. } => &stores.as_ref().unwrap().1,
            Self::Postgres { .. } => panic!("rows are always in SQLite or in memory"),
        }
    }

    /// The process ends, and another one opens the same storage and suggests another log name.
    pub fn reopen(&mut self) {
        match self {
            Self::Memory { log, rows } => {
                *log = log.crash();
                *rows = rows.crash(usize::MAX);
            }
            Self::Sqlite { stores, folder } => {
                drop(stores.take());
                *stores = Some(Box::new(open(folder, "another-name")));
            }
            Self::Postgres { log, url, .. } => **log = open_postgres(url, "another-name"),
        }
    }
}

pub fn open(temporary: &TempDir, new_log_id: &str) -> (SqliteLog, SqliteRows) {
    let folder = DataFolder::open(temporary.path()).unwrap();
    SqliteStore::open(&folder, "allocation", 0, new_log_id).unwrap()
}

pub fn open_postgres(url: &str, new_log_id: &str) -> PostgresLog {
    let postgres = Postgres::open(&url.parse().unwrap(), None).unwrap();
    postgres.log("allocation", 0, new_log_id).unwrap()
}

/// A record with these numbers; each event contains its own number.
pub fn record(first_seq: u64, last_seq: u64) -> Record {
    let events: Vec<_> = (first_seq..=last_seq).map(event).collect();
    let at_ms = 1_700_000_000_000 + i64::try_from(first_seq).unwrap();
    Record { first_seq, last_seq, at_ms, events: format!("[{}]", events.join(",")) }
}

fn event(seq: u64) -> String {
    let kind = "allocation.allocated";
    format!(r#"{{"type":"{kind}","data":{{"n":{seq}}},"of":"stock","key":"S{seq}"}}"#)
}

/// A key, and the row's value unless the row is deleted.
pub type Change = (String, Option<String>);

pub fn put(key: &str, value: &str) -> Change {
    (key.into(), Some(value.into()))
}

pub fn delete(key: &str) -> Change {
    (key.into(), None)
}

pub fn batch(through_seq: u64, table: &str, changes: Vec<Change>) -> FlushBatch<'static> {
    FlushBatch { through_seq, tables: vec![(table.into(), Box::new(changes))] }
}

pub fn range(from: &str, below: Option<&str>, limit: usize) -> KeyRange {
    KeyRange { from: from.into(), below: below.map(Into::into), limit, backwards: false }
}

pub fn backwards(range: KeyRange) -> KeyRange {
    KeyRange { backwards: true, ..range }
}

/// The keys of a range of a table.
pub fn keys(rows: &dyn RowStore, table: &str, range: &KeyRange) -> Vec<String> {
    rows.rows(table, range).unwrap().into_iter().map(|(key, _)| key).collect()
}
