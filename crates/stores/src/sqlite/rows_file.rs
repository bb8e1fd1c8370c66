//! The file of derived rows: opened if it matches the log, replaced by an empty one if not.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::error::{OpenError, is_damage};
use super::fsync;
use super::pragmas::{apply, connect, failed, pragma};
use super::readers::Readers;
use super::runs::{Flusher, RunError, State};
use super::sequence::from_sql;
use super::settings::Settings;

/// The format that this program writes. There are no migrations: a file of another format is
/// rebuilt.
const FORMAT: i64 = 4;

const SCHEMA: &str = include_str!("../../migrations/views/0001_rows.sql");

/// Every flush invalidates a reader's pages, so a small cache is enough.
const READER_CACHE_KIB: i64 = 8 << 10;

/// An open file of derived rows.
pub(super) struct RowsFile {
    pub(super) connection: Connection,
    pub(super) flusher: Flusher,
    pub(super) state: State,
    pub(super) readers: Readers,
}

/// Opens the file. An unusable file is deleted first, because it can be rebuilt from the log.
pub(super) fn open(
    path: &Path,
    log_id: &str,
    log_head: u64,
    settings: Settings,
) -> Result<RowsFile, OpenError> {
    if beside(path, ".damaged").exists() {
        delete(path, "an earlier read found it damaged")?;
    }
    match try_open(path, log_id, log_head, settings) {
        Ok(Ok(opened)) => return Ok(opened),
        Ok(Err(why)) => delete(path, why)?,
        Err(OpenError::Sqlite { source, .. }) if is_damage(&source) => {
            delete(path, "it is damaged")?;
        }
        Err(error) => return Err(error),
    }
    let opened = try_open(path, log_id, log_head, settings)?;
    Ok(opened.expect("a new file is usable"))
}

/// Marks a damaged file, so that the next process that opens it deletes it.
pub(super) fn mark_damaged(path: &Path) {
    if let Err(error) = fs::write(beside(path, ".damaged"), "") {
        let path = path.display();
        tracing::warn!(%path, %error, "delete this damaged file before the next start");
    }
}

fn flushed(connection: &Connection) -> rusqlite::Result<u64> {
    let mut select = connection.prepare_cached("SELECT value FROM meta WHERE name = 'settled'")?;
    let seq = select.query_row([], |row| row.get(0)).optional()?;
    Ok(seq.map_or(0, from_sql))
}

pub(super) fn set_flushed(connection: &Connection, seq: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta(name, value) VALUES ('settled', ?1) \
               ON CONFLICT(name) DO UPDATE SET value = excluded.value";
    connection.prepare_cached(sql)?.execute([seq]).map(|_| ())
}

/// Opens the file; the inner error is the reason why it is unusable.
fn try_open(
    path: &Path,
    log_id: &str,
    log_head: u64,
    settings: Settings,
) -> Result<Result<RowsFile, &'static str>, OpenError> {
    fsync::rewrite_wal(path).map_err(|source| OpenError::Io {
        doing: "rewrite the write-ahead file of",
        path: path.to_owned(),
        source,
    })?;
    let mut connection = connect(path)?;
    let sqlite = |source| failed("open", path, source);
    if !fits(&connection).map_err(sqlite)? {
        return Ok(Err("it has another format"));
    }
    connection.pragma_update(None, "page_size", settings.rows_page_bytes).map_err(sqlite)?;
    let pragmas = [
        pragma("journal_mode", "wal".to_owned()),
        // This keeps the file consistent; rows that a power cut loses are derived again.
        pragma("synchronous", 1),
        pragma("cache_size", -i64::from(settings.rows_cache_bytes >> 10)),
        // The flusher does the checkpoints.
        pragma("wal_autocheckpoint", 0),
    ];
    apply(&connection, path, &pragmas)?;
    if !begin(&mut connection, log_id, log_head).map_err(sqlite)? {
        return Ok(Err("its rows belong to another log"));
    }
    let flushed = flushed(&connection).map_err(sqlite)?;
    let flusher = Flusher::open(&connection, settings.rows_page_bytes).map_err(sqlite)?;
    let state = match State::read(&connection, flushed) {
        Ok(state) => state,
        Err(RunError::Sqlite(source)) => return Err(sqlite(source)),
        // Reading does not make rows.
        Err(RunError::Damaged | RunError::Row(_)) => return Ok(Err("it is damaged")),
    };
    let pragmas = [pragma("query_only", 1), pragma("cache_size", -READER_CACHE_KIB)];
    let readers = Readers::open(path, &pragmas)?;
    Ok(Ok(RowsFile { connection, flusher, state, readers }))
}

/// Whether the file is new or has the format of this program.
fn fits(connection: &Connection) -> rusqlite::Result<bool> {
    let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let sql = "SELECT count(*) = 0 FROM sqlite_master";
    let empty: bool = connection.query_row(sql, [], |row| row.get(0))?;
    Ok(format == FORMAT || (format == 0 && empty))
}

/// Creates the tables of a new file. Returns whether the rows belong to this log.
fn begin(connection: &mut Connection, log_id: &str, log_head: u64) -> rusqlite::Result<bool> {
    let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if format == 0 {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(SCHEMA)?;
        tx.pragma_update(None, "user_version", FORMAT)?;
        tx.execute("INSERT INTO meta(name, value) VALUES ('log_id', ?1)", [log_id])?;
        tx.commit()?;
        return Ok(true);
    }
    let sql = "SELECT value FROM meta WHERE name = 'log_id'";
    let of_id: Option<String> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
    Ok(of_id.as_deref() == Some(log_id) && flushed(connection)? <= log_head)
}

/// Deletes the file and the files that SQLite keeps beside it.
fn delete(path: &Path, why: &str) -> Result<(), OpenError> {
    tracing::warn!(
        path = %path.display(), why,
        "the file of derived rows is unusable; it is deleted and rebuilt from the log"
    );
    // The mark is deleted last, so that after a crash in between the next start deletes the rest.
    mark_damaged(path);
    for suffix in ["", "-wal", "-shm", ".damaged"] {
        let file = beside(path, suffix);
        match fs::remove_file(&file) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(OpenError::Io { doing: "delete", path: file, source });
            }
        }
    }
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}
