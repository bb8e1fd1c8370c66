//! The SQLite stores: one file for the log, one for what is derived from it.

mod backup;
mod checkpoint;
mod error;
mod filesystem;
mod folder;
mod health;
mod log;
mod migrate;
mod pragmas;
mod readers;
mod rows;
mod rows_file;
mod runs;
mod settings;
mod unsynced;

use crate::contract;

pub use backup::backup;
pub use error::OpenError;
pub use folder::DataFolder;
pub use log::SqliteLog;
pub use rows::SqliteRows;
pub use settings::Settings;

/// The oldest SQLite that may be used, 3.51.3: before it, a race between a checkpoint and a reset
/// of the write-ahead log could lose commits.
pub const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// The version of SQLite that is built into the program, say `3.53.0`.
#[must_use]
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// Opens the two stores of one partition of one service.
#[derive(Debug)]
pub struct SqliteStore;

impl SqliteStore {
    /// Opens `{service}-{partition}.log.db` and `{service}-{partition}.views.db`, and creates what
    /// is missing. `new_log_id` (a UUID in text) becomes the name of the log if the log is new.
    ///
    /// The stores keep the folder locked for as long as they live.
    ///
    /// # Errors
    /// [`OpenError`] says what stands in the way and what to do.
    pub fn open(
        folder: &DataFolder,
        service: &str,
        partition: u16,
        new_log_id: &str,
    ) -> Result<(SqliteLog, SqliteRows), OpenError> {
        Self::open_with(folder, service, partition, new_log_id, Settings::default())
    }

    /// Opens `{service}-{partition}.views.db` alone, for a log of this name and head that is kept
    /// elsewhere.
    ///
    /// # Errors
    /// [`OpenError`] says what stands in the way and what to do.
    pub fn open_rows(
        folder: &DataFolder,
        service: &str,
        partition: u16,
        log: (&str, u64),
    ) -> Result<SqliteRows, OpenError> {
        contract::check_table(&service.replace('-', "_"))
            .map_err(|_| OpenError::ServiceName { service: service.to_owned() })?;
        let stem = folder.path().join(format!("{service}-{partition}"));
        SqliteRows::open(folder, &stem, log, Settings::default(), &health::Health::default())
    }

    /// As [`SqliteStore::open`], with other sizes than the default ones.
    ///
    /// # Errors
    /// [`OpenError`] says what stands in the way and what to do.
    pub fn open_with(
        folder: &DataFolder,
        service: &str,
        partition: u16,
        new_log_id: &str,
        settings: Settings,
    ) -> Result<(SqliteLog, SqliteRows), OpenError> {
        let found = rusqlite::version_number();
        if found < SQLITE_VERSION_MIN {
            return Err(OpenError::OldSqlite { found: rusqlite::version().to_owned() });
        }
        contract::check_table(&service.replace('-', "_"))
            .map_err(|_| OpenError::ServiceName { service: service.to_owned() })?;
        let stem = folder.path().join(format!("{service}-{partition}"));
        let health = health::Health::default();
        let log = SqliteLog::open(folder, &stem, new_log_id, settings, &health)?;
        let (id, head) = log.name_and_head();
        let rows = SqliteRows::open(folder, &stem, (id, head), settings, &health)?;
        Ok((log, rows))
    }
}
