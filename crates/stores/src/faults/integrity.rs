//! SQLite's own check of a database file.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// The problems that SQLite finds in a database file; `ok` if there are none.
///
/// # Errors
/// When the file cannot be read at all.
pub fn integrity(path: &Path) -> Result<String, String> {
    let text = |error: rusqlite::Error| error.to_string();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(text)?;
    connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(text)
}
