//! Migrates a log file to the format that this program writes: numbered SQL steps, each run once.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::error::OpenError;
use super::pragmas::failed;

/// The steps, in order. A file's `user_version` is the number of the last step that was run.
const STEPS: [(i64, &str); 1] = [(1, include_str!("../../migrations/log/0001_records.sql"))];

/// The format that this program writes: the number of the last step.
const FORMAT: i64 = STEPS[STEPS.len() - 1].0;

/// Refuses a file of another program or of a newer format, before anything is changed.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let found = format(connection).map_err(|source| failed("read", path, source))?;
    if found > FORMAT {
        return Err(OpenError::NewerFormat { path: path.to_owned(), found, known: FORMAT });
    }
    let empty = connection
        .query_row("SELECT count(*) = 0 FROM sqlite_master", [], |row| row.get::<_, bool>(0))
        .map_err(|source| failed("read", path, source))?;
    if found < 0 || (found == 0 && !empty) {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    Ok(())
}

/// Migrates the file to the newest format in one transaction, and names a new log. Returns the
/// log's name.
pub(super) fn run(connection: &mut Connection, new_log_id: &str) -> rusqlite::Result<String> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = format(&tx)?;
    for (number, step) in STEPS {
        if number > done {
            tx.execute_batch(step)?;
            tx.pragma_update(None, "user_version", number)?;
        }
    }
    tx.execute("INSERT OR IGNORE INTO meta(name, value) VALUES ('log_id', ?1)", [new_log_id])?;
    let id = tx.query_row("SELECT value FROM meta WHERE name = 'log_id'", [], |row| row.get(0))?;
    tx.commit()?;
    Ok(id)
}

fn format(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}
