//! Connections to SQLite, whose settings are read back after they were set.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use super::error::OpenError;

/// The longest wait for another program that has locked the file, for example an SQLite shell.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// A pragma: its name, its value, and the value that SQLite then reports.
pub(super) struct Pragma {
    name: &'static str,
    value: Value,
    expected: String,
}

/// A pragma for which SQLite reports the value that was set.
pub(super) fn pragma(name: &'static str, value: impl Into<Value>) -> Pragma {
    let value = value.into();
    let expected = text(&value);
    Pragma { name, value, expected }
}

/// A connection that may write. It is used behind a mutex, so SQLite's own mutexes are off.
pub(super) fn connect(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    open(path, flags)
}

/// A read-only connection to a file that another connection keeps open.
pub(super) fn connect_reader(path: &Path, pragmas: &[Pragma]) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags)?;
    apply(&connection, path, pragmas)?;
    expect(&connection, path, "journal_mode", "wal")?;
    Ok(connection)
}

/// Sets each pragma and reads it back.
pub(super) fn apply(
    connection: &Connection,
    path: &Path,
    pragmas: &[Pragma],
) -> Result<(), OpenError> {
    for pragma in pragmas {
        let set = connection.pragma_update(None, pragma.name, &pragma.value);
        set.map_err(|source| failed("set up", path, source))?;
        expect(connection, path, pragma.name, &pragma.expected)?;
    }
    Ok(())
}

/// Wraps an SQLite error that occurred while opening `path`.
pub(super) fn failed(doing: &'static str, path: &Path, source: rusqlite::Error) -> OpenError {
    OpenError::Sqlite { doing, path: path.to_owned(), source }
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, OpenError> {
    let connection =
        Connection::open_with_flags(path, flags).map_err(|source| failed("open", path, source))?;
    let set = connection.busy_timeout(BUSY_TIMEOUT).and_then(|()| {
        // Without it, a range query is planned again for every new pair of bounds.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
    });
    set.map_err(|source| failed("open", path, source))?;
    Ok(connection)
}

fn expect(
    connection: &Connection,
    path: &Path,
    setting: &'static str,
    expected: &str,
) -> Result<(), OpenError> {
    let found = connection
        .pragma_query_value(None, setting, |row| row.get::<_, Value>(0))
        .map_err(|source| failed("read the settings of", path, source))?;
    let found = text(&found);
    if found == expected {
        return Ok(());
    }
    Err(OpenError::Setting { path: path.to_owned(), setting, expected: expected.to_owned(), found })
}

fn text(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_is_not_applied_is_reported_by_name() {
        let connection = Connection::open_in_memory().unwrap();
        let mode = [pragma("journal_mode", "wal".to_owned())];
        let refused = apply(&connection, Path::new("x.db"), &mode).unwrap_err().to_string();
        assert_eq!(refused, "SQLite opened x.db with journal_mode = memory, but wal is required");
        apply(&connection, Path::new("x.db"), &[pragma("synchronous", 2)]).unwrap();
    }
}
