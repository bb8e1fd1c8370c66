//! The file of derived rows: opened when it fits the log, created anew when it does not.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::error::{OpenError, is_damage};
use super::log::from_sql;
use super::pragmas::{apply, connect, failed, pragma};
use super::readers::Readers;
use super::runs::{Flusher, RunError, State};
use super::settings::Settings;
use super::unsynced;

/// The format this program writes. There are no migrations: another format is built anew.
const FORMAT: i64 = 4;

const SCHEMA: &str = include_str!("../../migrations/views/0001_rows.sql");

/// A reader forgets its pages at every flush, so it needs few.
const READER_CACHE_KIB: i64 = 8 << 10;

/// An open file of derived rows.
pub(super) struct RowsFile {
    pub(super) connection: Connection,
    pub(super) flusher: Flusher,
    pub(super) state: State,
    pub(super) readers: Readers,
}

/// Opens the file; one that cannot be used is deleted first, because the log can rebuild it.
pub(super) fn open(
    path: &Path,
    log_id: &str,
    log_head: u64,
    settings: Settings,
) -> Result<RowsFile, OpenError> {
    if beside(path, ".damaged").exists() {
        rebuild(path, "an earlier read found it damaged")?;
    }
    match try_open(path, log_id, log_head, settings) {
        Ok(Ok(opened)) => return Ok(opened),
        Ok(Err(why)) => rebuild(path, why)?,
        Err(OpenError::Sqlite { source, .. }) if is_damage(&source) => {
            rebuild(path, "it is damaged")?;
        }
        Err(error) => return Err(error),
    }
    let opened = try_open(path, log_id, log_head, settings)?;
    Ok(opened.expect("a new file is as this program makes it"))
}

/// Has the file deleted when it is opened next: it was found to be damaged.
pub(super) fn condemn(path: &Path) {
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

/// Says why a file cannot be used, if so.
fn try_open(
    path: &Path,
    log_id: &str,
    log_head: u64,
    settings: Settings,
) -> Result<Result<RowsFile, &'static str>, OpenError> {
    unsynced::write_again(path).map_err(|source| OpenError::Io {
        doing: "write again what follows",
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
        // Enough for a sound file; what a power cut takes is derived.
        pragma("synchronous", 1),
        pragma("cache_size", -i64::from(settings.rows_cache_bytes >> 10)),
        // Copying back is the flusher's work.
        pragma("wal_autocheckpoint", 0),
    ];
    apply(&connection, path, &pragmas)?;
    if !begin(&mut connection, log_id, log_head).map_err(sqlite)? {
        return Ok(Err("its rows are not those of this log"));
    }
    let flushed = flushed(&connection).map_err(sqlite)?;
    let flusher = Flusher::open(&connection, settings.rows_page_bytes).map_err(sqlite)?;
    let state = match State::read(&connection, flushed) {
        Ok(state) => state,
        Err(RunError::Sqlite(source)) => return Err(sqlite(source)),
        // Nothing is made where nothing is written.
        Err(RunError::Damaged | RunError::Unmade(_)) => return Ok(Err("it is damaged")),
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

/// Creates what a new file lacks. Says whether the rows are those of this log.
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

/// Deletes the file and what SQLite keeps beside it.
fn rebuild(path: &Path, why: &str) -> Result<(), OpenError> {
    tracing::warn!(
        path = %path.display(), why,
        "the file of derived rows cannot be used; it is deleted and rebuilt from the log"
    );
    // The mark stands while files go, so that a crash in between begins again.
    condemn(path);
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
