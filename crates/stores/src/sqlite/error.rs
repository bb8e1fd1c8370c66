//! Why the SQLite stores did not open, in words that say what to do.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a data folder or a store in it could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The folder or a file in it could not be created, read or locked.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The folder or file.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// Another process works in the folder.
    #[error(
        "the data folder {path} is in use by {owner}; stop that process, or give this one a folder \
         of its own"
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process that holds it, as far as it said so.
        owner: String,
    },
    /// The folder is on a file system that other machines may write to.
    #[error(
        "the data folder {path} is on {filesystem}, a network file system, where SQLite can lose \
         commits; use a folder on a local disk"
    )]
    NetworkFilesystem {
        /// The folder.
        path: PathBuf,
        /// The name of the file system.
        filesystem: String,
    },
    /// The program was linked with an SQLite that may lose commits.
    #[error(
        "this program was built with SQLite {found}, which can lose commits; build it with 3.51.3 \
         or newer (the bundled one is)"
    )]
    OldSqlite {
        /// The version found.
        found: String,
    },
    /// A setting of SQLite did not take, and without it promises would not hold.
    #[error("SQLite works on {path} with {setting} = {found}, but {expected} is needed")]
    Setting {
        /// The database file.
        path: PathBuf,
        /// The name of the pragma.
        setting: &'static str,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The log was written by a newer version of the program.
    #[error(
        "the log {path} has format {found}, but this program knows formats up to {known}; use the \
         newer version of the program that wrote it"
    )]
    NewerFormat {
        /// The database file.
        path: PathBuf,
        /// The format of the file.
        found: i64,
        /// The newest format this program knows.
        known: i64,
    },
    /// The file is a database, but not a log.
    #[error("{path} is a database of some other program; move it away, or use another data folder")]
    Foreign {
        /// The database file.
        path: PathBuf,
    },
    /// The folder has another number of partitions.
    #[error(
        "the data folder {path} was made with {are} partitions, which cannot become {asked}: leave \
         the number out, or begin a new folder and bring the data in again"
    )]
    Partitions {
        /// The folder.
        path: PathBuf,
        /// How many were asked for.
        asked: u16,
        /// How many there are.
        are: u16,
    },
    /// No folder has so many partitions.
    #[error("a data folder cannot have {asked} partitions: 1 to 256")]
    PartitionCount {
        /// How many were asked for.
        asked: u16,
    },
    /// The name cannot stand in a file name.
    #[error("{service:?} cannot name a service's files: a-z, - and _ only, 1 to 40 of them")]
    ServiceName {
        /// The name.
        service: String,
    },
    /// SQLite could not do something with the file.
    #[error("cannot {doing} {path}: {source}{}", advice(source))]
    Sqlite {
        /// What was tried.
        doing: &'static str,
        /// The database file.
        path: PathBuf,
        /// What SQLite answered.
        source: rusqlite::Error,
    },
}

/// Whether SQLite found the file not to be a sound database.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

/// Whether there was no space, for the file itself or for the index its connections share.
pub(super) fn is_full(error: &rusqlite::Error) -> bool {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
        || extended == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

/// Whether a write or a sync failed, so that nobody knows what the disk holds.
pub(super) fn is_disk_failure(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure) && !is_full(error)
}

fn advice(error: &rusqlite::Error) -> &'static str {
    if is_full(error) {
        "; the storage is full: make space and start again"
    } else if is_damage(error) {
        "; the file is damaged: restore the data folder from a backup"
    } else {
        ""
    }
}
