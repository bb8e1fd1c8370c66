//! A backup of the logs of a data folder, also while a process writes to them.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::OpenError;
use super::folder::PARTITIONS_FILE;
use super::pragmas::failed;

/// Copies the present state of every log of a data folder into a new folder, and syncs it. A
/// process may use the data folder meanwhile. Views are left out, because they are derived from the
/// log. Returns the files that were created.
///
/// # Errors
/// When there is no log, the new folder already exists, or something cannot be read or written. An
/// incomplete copy is left behind then and must not be used.
pub fn backup(from: &Path, to: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let io = |doing, path: &Path, source| OpenError::Io { doing, path: path.to_owned(), source };
    let entries = fs::read_dir(from).map_err(|error| io("read", from, error))?;
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    names.retain(|name| name.to_string_lossy().ends_with(".log.db"));
    if names.is_empty() {
        let none = io::Error::new(io::ErrorKind::NotFound, "it contains no log");
        return Err(io("copy", from, none));
    }
    DirBuilder::new().mode(0o700).create(to).map_err(|error| io("create", to, error))?;
    let mut created = Vec::new();
    for name in names {
        let (source, target) = (from.join(&name), to.join(&name));
        copy(&source, &target).map_err(|error| failed("copy", &source, error))?;
        let synced = File::open(&target).and_then(|file| file.sync_all());
        synced.map_err(|error| io("sync", &target, error))?;
        created.push(target);
    }
    let partitions = from.join(PARTITIONS_FILE);
    if partitions.exists() {
        let target = to.join(PARTITIONS_FILE);
        fs::copy(&partitions, &target).map_err(|error| io("copy", &partitions, error))?;
    }
    let synced = File::open(to).and_then(|folder| folder.sync_all());
    synced.map_err(|error| io("sync", to, error))?;
    Ok(created)
}

/// Copies in one read transaction, so the copy is consistent; the writer is not blocked.
fn copy(source: &Path, target: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(source, flags)?;
    // The last connection to close would checkpoint the file; that is the owner's job.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.execute("VACUUM INTO ?1", [target.to_string_lossy()]).map(drop)
}
