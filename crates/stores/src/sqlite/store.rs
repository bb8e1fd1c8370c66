//! Opens the two SQLite stores of one partition of one service.

use super::error::OpenError;
use super::folder::DataFolder;
use super::health::Health;
use super::log::SqliteLog;
use super::rows::SqliteRows;
use super::settings::Settings;
use crate::validation::check_table_name;

/// The oldest supported SQLite, 3.51.3: in older versions a race between a checkpoint and a reset
/// of the write-ahead log could lose commits.
pub const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// The version of SQLite that is built into the program, for example `3.53.0`.
#[must_use]
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// Opens the two stores of one partition of one service.
#[derive(Debug)]
pub struct SqliteStore;

impl SqliteStore {
    /// Opens `{service}-{partition}.log.db` and `{service}-{partition}.views.db`; creates missing
    /// files. A new log gets the name `new_log_id` (a UUID in text).
    ///
    /// The stores keep the folder locked until both are dropped.
    ///
    /// # Errors
    /// [`OpenError`] states the problem and what to do about it.
    pub fn open(
        folder: &DataFolder,
        service: &str,
        partition: u16,
        new_log_id: &str,
    ) -> Result<(SqliteLog, SqliteRows), OpenError> {
        Self::open_with(folder, service, partition, new_log_id, Settings::default())
    }

    /// Opens `{service}-{partition}.views.db` alone, for a log in another store with this name and
    /// head.
    ///
    /// # Errors
    /// [`OpenError`] states the problem and what to do about it.
    pub fn open_rows(
        folder: &DataFolder,
        service: &str,
        partition: u16,
        log: (&str, u64),
    ) -> Result<SqliteRows, OpenError> {
        check_table_name(&service.replace('-', "_"))
            .map_err(|_| OpenError::ServiceName { service: service.to_owned() })?;
        let stem = folder.path().join(format!("{service}-{partition}"));
        SqliteRows::open(folder, &stem, log, Settings::default(), &Health::default())
    }

    /// Like [`SqliteStore::open`], with sizes other than the defaults.
    ///
    /// # Errors
    /// [`OpenError`] states the problem and what to do about it.
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
        check_table_name(&service.replace('-', "_"))
            .map_err(|_| OpenError::ServiceName { service: service.to_owned() })?;
        let stem = folder.path().join(format!("{service}-{partition}"));
        let health = Health::default();
        let log = SqliteLog::open(folder, &stem, new_log_id, settings, &health)?;
        let (id, head) = log.name_and_head();
        let rows = SqliteRows::open(folder, &stem, (id, head), settings, &health)?;
        Ok((log, rows))
    }
}
