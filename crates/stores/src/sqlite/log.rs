//! The log in SQLite: one writer appends, readers read concurrently.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use earmark_kernel::failpoint;
use earmark_kernel::log::{AppendError, LogStore, Record, StoreError};
use rusqlite::{CachedStatement, Connection, ErrorCode, OptionalExtension, Row};

use super::checkpoint::{Checkpointer, LogFile};
use super::error::{OpenError, explain, is_full};
use super::folder::DataFolder;
use super::health::Health;
use super::pragmas::{apply, connect, failed, pragma};
use super::readers::Readers;
use super::sequence::{from_sql, to_sql};
use super::settings::Settings;
use super::{fsync, migrate};
use crate::validation::check_next_record;

/// The log of one partition in an SQLite file.
#[derive(Debug)]
pub struct SqliteLog {
    checkpointer: Checkpointer,
    file: Arc<LogFile>,
    id: String,
    _folder: DataFolder,
}

impl SqliteLog {
    /// Opens or creates `{stem}.log.db`.
    pub(super) fn open(
        folder: &DataFolder,
        stem: &Path,
        new_log_id: &str,
        settings: Settings,
        health: &Health,
    ) -> Result<Self, OpenError> {
        let path = PathBuf::from(format!("{}.log.db", stem.display()));
        let io = |doing, source| OpenError::Io { doing, path: path.clone(), source };
        fsync::rewrite_wal(&path).map_err(|it| io("rewrite the write-ahead file of", it))?;
        let mut connection = connect(&path)?;
        migrate::check(&connection, &path)?;
        apply(
            &connection,
            &path,
            &[
                // One sync of the write-ahead file makes a commit durable before it returns.
                pragma("synchronous", synchronous()),
                // The checkpointer does the checkpoints.
                pragma("wal_autocheckpoint", 0),
                // Nothing is written to the file before COMMIT.
                pragma("cache_spill", 0),
            ],
        )?;
        let id = prepare(&mut connection, &path, new_log_id, settings)?;
        let head = read_head(&connection).map_err(|source| failed("read", &path, source))?;
        let readers = Readers::open(&path, &[pragma("query_only", 1)])?;
        let file = LogFile::open(&path, readers, connection, head, settings, health)?;
        let file = Arc::new(file);
        let checkpointer =
            Checkpointer::start(&file).map_err(|it| io("start the checkpointer of", it))?;
        Ok(Self { checkpointer, file, id, _folder: folder.clone() })
    }

    /// Checkpoints now and waits for it, for example before the file is copied. The store also
    /// checkpoints by itself.
    ///
    /// # Errors
    /// When the file cannot be written. Nothing is lost then.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        self.file.checkpoint_all().map_err(|error| self.unreadable(&error))
    }

    pub(super) fn name_and_head(&self) -> (&str, u64) {
        (&self.id, self.file.head.load(Ordering::Acquire))
    }

    fn unreadable(&self, error: &rusqlite::Error) -> StoreError {
        StoreError(format!("cannot read the log {}: {}", self.file.path.display(), explain(error)))
    }
}

impl LogStore for SqliteLog {
    fn append(&self, record: &Record) -> Result<(), AppendError> {
        let Ok(writer) = self.file.writer.lock() else {
            return Err(AppendError::Unknown("an earlier append panicked".into()));
        };
        check_next_record(self.file.head.load(Ordering::Acquire), record)?;
        self.file.copy_rest_if_requested();
        if let Some(why) = self.file.health.broken() {
            return Err(AppendError::Unknown(format!("nothing is written any more: {why}")));
        }
        append(&writer, record).inspect_err(|error| {
            if let AppendError::Unknown(why) = error {
                self.file.health.lose(why.clone());
            }
        })?;
        // The disk may have failed for another connection meanwhile; then this sync cannot be
        // trusted.
        if let Some(why) = self.file.health.broken() {
            return Err(AppendError::Unknown(why.to_owned()));
        }
        self.file.head.store(record.last_seq, Ordering::Release);
        self.checkpointer.wrote(&self.file, record);
        Ok(())
    }

    fn broken(&self) -> Option<String> {
        self.file.health.broken().map(ToOwned::to_owned)
    }

    fn read_after(&self, after: u64, events_max: u64) -> Result<Vec<Record>, StoreError> {
        let connection = self.file.readers.take();
        read_after(&connection, after, events_max).map_err(|error| self.unreadable(&error))
    }

    fn head(&self) -> Result<u64, StoreError> {
        Ok(self.file.head.load(Ordering::Acquire))
    }

    fn id(&self) -> Result<String, StoreError> {
        Ok(self.id.clone())
    }
}

/// Sets the file up for one writer with concurrent readers, and migrates it to the newest format.
fn prepare(
    connection: &mut Connection,
    path: &Path,
    new_log_id: &str,
    settings: Settings,
) -> Result<String, OpenError> {
    connection
        // This affects an empty file only.
        .pragma_update(None, "page_size", settings.log_page_bytes)
        .map_err(|source| failed("set up", path, source))?;
    apply(connection, path, &[pragma("journal_mode", "wal".to_owned())])?;
    migrate::run(connection, new_log_id).map_err(|source| failed("migrate", path, source))
}

fn read_head(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT last_seq FROM log ORDER BY first_seq DESC LIMIT 1";
    let head = connection.query_row(sql, [], |row| row.get::<_, i64>(0)).optional()?;
    Ok(head.map_or(0, from_sql))
}

/// Appends in one transaction. If it fails before COMMIT, nothing has happened.
fn append(connection: &Connection, record: &Record) -> Result<(), AppendError> {
    match insert(connection, record) {
        Ok(mut commit) => match commit.execute([]) {
            Ok(_) => Ok(()),
            Err(error) => Err(uncommitted(connection, &error)),
        },
        Err(error) => {
            // If this fails too, the next append's BEGIN fails and reports it.
            let _ = roll_back(connection);
            Err(unwritten(&error))
        }
    }
}

fn insert<'c>(
    connection: &'c Connection,
    record: &Record,
) -> rusqlite::Result<CachedStatement<'c>> {
    let sql = "INSERT INTO log(first_seq, last_seq, at, events) VALUES (?1, ?2, ?3, ?4)";
    let mut insert = connection.prepare_cached(sql)?;
    let commit = connection.prepare_cached("COMMIT")?;
    roll_back(connection)?;
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let (first, last) = (to_sql(record.first_seq), to_sql(record.last_seq));
    insert.execute((first, last, record.at_ms, &record.events))?;
    Ok(commit)
}

/// Rolls back an open transaction. After some errors SQLite has already ended it.
fn roll_back(connection: &Connection) -> rusqlite::Result<()> {
    if connection.is_autocommit() {
        return Ok(());
    }
    connection.prepare_cached("ROLLBACK")?.execute([]).map(|_| ())
}

/// What an error before COMMIT means: in every case nothing was written.
fn unwritten(error: &rusqlite::Error) -> AppendError {
    if is_full(error) {
        AppendError::Full(explain(error))
    } else {
        AppendError::Failed(explain(error))
    }
}

/// What an error from COMMIT means. In SQLite's WAL mode a commit is the write of its frames, the
/// last of them with the commit mark, and one sync.
///
/// - BUSY: COMMIT has not begun; the transaction is open and is rolled back here.
/// - FULL: a frame was not written completely (only the write of frames returns this code), so the
///   commit mark is incomplete too; SQLite has rolled back, and the next append overwrites the
///   frames.
/// - Everything else, above all a failed sync: whether the mark is on the disk is unknown.
fn uncommitted(connection: &Connection, error: &rusqlite::Error) -> AppendError {
    let is_open = !connection.is_autocommit();
    let code = error.sqlite_error_code();
    let is_rolled_back = roll_back(connection).is_ok() && connection.is_autocommit();
    match code {
        Some(ErrorCode::DatabaseBusy) if is_open && is_rolled_back => {
            AppendError::Failed(explain(error))
        }
        Some(ErrorCode::DiskFull) if is_rolled_back => AppendError::Full(explain(error)),
        _ => AppendError::Unknown(explain(error)),
    }
}

fn read_after(
    connection: &Connection,
    after: u64,
    events_max: u64,
) -> rusqlite::Result<Vec<Record>> {
    // Records have no gaps: the next event is in the last record that begins at or before it.
    let sql = "SELECT first_seq, last_seq FROM log WHERE first_seq <= ?1 \
               ORDER BY first_seq DESC LIMIT 1";
    let first = connection
        .prepare_cached(sql)?
        .query_row([to_sql(after.saturating_add(1))], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((start, last)) = first.filter(|(_, last): &(i64, i64)| from_sql(*last) > after) else {
        return Ok(Vec::new());
    };
    debug_assert!(start <= last, "a record holds at least one event");
    let until = to_sql(after.saturating_add(events_max)).max(start);
    let sql = "SELECT first_seq, last_seq, at, events FROM log \
               WHERE first_seq BETWEEN ?1 AND ?2 ORDER BY first_seq";
    connection.prepare_cached(sql)?.query_map((start, until), read_record)?.collect()
}

fn read_record(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        first_seq: from_sql(row.get(0)?),
        last_seq: from_sql(row.get(1)?),
        at_ms: row.get(2)?,
        events: row.get(3)?,
    })
}

/// FULL, unless a failpoint weakens it.
fn synchronous() -> i64 {
    match () {
        () if failpoint::is_on("no-sync") => 0,
        () if failpoint::is_on("synchronous-normal") => 1,
        () => 2,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sqlite::SqliteStore;

    fn log() -> (SqliteLog, tempfile::TempDir) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(temporary.path()).unwrap();
        let (log, _) = SqliteStore::open(&folder, "allocation", 0, "id").unwrap();
        (log, temporary)
    }

    fn record(seq: u64, bytes: usize) -> Record {
        let events = format!("[\"{}\"]", "x".repeat(bytes));
        Record { first_seq: seq, last_seq: seq, at_ms: 0, events }
    }

    fn writer(log: &SqliteLog, sql: &str) {
        log.file.writer.lock().unwrap().execute_batch(sql).unwrap();
    }

    #[test]
    fn a_full_storage_refuses_appends_until_there_is_space_again() {
        let (log, _folder) = log();
        log.append(&record(1, 10)).unwrap();
        writer(&log, "PRAGMA max_page_count = 20");
        let full = log.append(&record(2, 1 << 20));
        assert!(matches!(full, Err(AppendError::Full(_))), "{full:?}");
        assert_eq!(log.read_after(0, 9).unwrap(), [record(1, 10)]);
        log.append(&record(2, 10)).unwrap();
        writer(&log, "PRAGMA max_page_count = 2000");
        log.append(&record(3, 1 << 20)).unwrap();
    }

    #[test]
    fn an_append_fails_while_another_program_holds_a_lock_and_succeeds_afterwards() {
        let (log, _folder) = log();
        log.file.writer.lock().unwrap().busy_timeout(Duration::ZERO).unwrap();
        let other = Connection::open(&log.file.path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let busy = log.append(&record(1, 10));
        assert!(matches!(busy, Err(AppendError::Failed(_))), "{busy:?}");
        other.execute_batch("ROLLBACK").unwrap();
        log.append(&record(1, 10)).unwrap();
    }

    #[test]
    fn after_a_commit_of_unknown_outcome_nothing_more_is_appended() {
        let (log, _folder) = log();
        // A deferred constraint makes COMMIT itself fail.
        writer(
            &log,
            "PRAGMA foreign_keys = ON; CREATE TABLE parent(id INTEGER PRIMARY KEY);
             CREATE TABLE child(id REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED);
             CREATE TRIGGER orphan AFTER INSERT ON log BEGIN INSERT INTO child VALUES (1); END",
        );
        let unknown = log.append(&record(1, 10));
        assert!(matches!(unknown, Err(AppendError::Unknown(_))), "{unknown:?}");
        writer(&log, "DROP TRIGGER orphan");
        let stopped = log.append(&record(1, 10)).unwrap_err().to_string();
        assert!(stopped.contains("nothing is written any more"), "{stopped}");
        assert!(log.broken().is_some());
        assert_eq!(log.read_after(0, 9).unwrap(), []);
    }
}
