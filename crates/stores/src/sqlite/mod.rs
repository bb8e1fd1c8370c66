//! The SQLite stores: one file for the log, one for the rows derived from it.

mod backup;
mod checkpoint;
mod error;
mod filesystem;
mod folder;
mod fsync;
mod health;
mod log;
mod migrate;
mod pragmas;
mod readers;
mod rows;
mod rows_file;
mod runs;
mod sequence;
mod settings;
mod store;

pub use backup::backup;
pub use error::OpenError;
pub use folder::DataFolder;
pub use log::SqliteLog;
pub use rows::SqliteRows;
pub use settings::Settings;
pub use store::{SQLITE_VERSION_MIN, SqliteStore, sqlite_version};
