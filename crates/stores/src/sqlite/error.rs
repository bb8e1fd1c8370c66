//! Why a SQLite store could not be opened, what to do about it, and what an SQLite error means.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a data folder or a store in it could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The folder or a file in it could not be created, read or locked.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// The action that failed.
        doing: &'static str,
        /// The folder or file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Another process uses the folder.
    #[error(
        "the data folder {path} is in use by {owner}; stop that process, or use another folder for \
         this one"
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process that uses it, if it is known.
        owner: String,
    },
    /// The folder is on a network file system.
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
    /// The program was linked with an SQLite version that may lose commits.
    #[error(
        "this program was built with SQLite {found}, which can lose commits; build it with 3.51.3 \
         or newer (the bundled one is)"
    )]
    OldSqlite {
        /// The version found.
        found: String,
    },
    /// SQLite did not apply a setting that the guarantees depend on.
    #[error("SQLite opened {path} with {setting} = {found}, but {expected} is required")]
    Setting {
        /// The database file.
        path: PathBuf,
        /// The name of the pragma.
        setting: &'static str,
        /// The required value.
        expected: String,
        /// The value found.
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
    #[error("{path} is a database of another program; move it away, or use another data folder")]
    Foreign {
        /// The database file.
        path: PathBuf,
    },
    /// The folder has another number of partitions.
    #[error(
        "the data folder {path} was created with {existing} partitions, which cannot be changed to \
         {requested}: omit the setting, or use a new folder and import the data"
    )]
    Partitions {
        /// The folder.
        path: PathBuf,
        /// The requested number.
        requested: u16,
        /// The existing number.
        existing: u16,
    },
    /// The number of partitions is out of range.
    #[error("a data folder cannot have {requested} partitions: use 1 to 256")]
    PartitionCount {
        /// The requested number.
        requested: u16,
    },
    /// The service name is not valid.
    #[error("{service:?} is not a valid service name: use 1 to 40 of the characters a-z, - and _")]
    ServiceName {
        /// The name.
        service: String,
    },
    /// An operation of SQLite on the file failed.
    #[error("cannot {doing} {path}: {source}{}", advice(source))]
    Sqlite {
        /// The action that failed.
        doing: &'static str,
        /// The database file.
        path: PathBuf,
        /// The error of SQLite.
        source: rusqlite::Error,
    },
}

/// Whether SQLite found the file damaged.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

/// Whether there was no space, for the file itself or for the index that its connections share.
pub(super) fn is_full(error: &rusqlite::Error) -> bool {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
        || extended == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

/// Whether a write or a sync failed, so that the content of the disk is unknown.
pub(super) fn is_disk_failure(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure) && !is_full(error)
}

/// SQLite's message with its extended code, which is more specific than the message.
pub(super) fn explain(error: &rusqlite::Error) -> String {
    match error.sqlite_error() {
        Some(code) => format!("{error} (SQLite code {})", code.extended_code),
        None => error.to_string(),
    }
}

fn advice(error: &rusqlite::Error) -> &'static str {
    if is_full(error) {
        "; the storage is full: free some space and restart"
    } else if is_damage(error) {
        "; the file is damaged: restore the data folder from a backup"
    } else {
        ""
    }
}
