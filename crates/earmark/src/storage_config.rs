//! Where the data are: a folder, or a database and a folder for what is derived from it.

use std::path::{Path, PathBuf};

use earmark_stores::postgres::Address;

/// Where the data are.
#[derive(Clone, Debug)]
pub struct StorageConfig {
    /// The data folder; where the log is in a database, it holds this process' views alone.
    pub folder: PathBuf,
    /// The database that holds the log, if one does.
    pub store: Option<Address>,
    /// How many partitions new data get, if it was said.
    pub partitions: Option<u16>,
}

impl StorageConfig {
    /// A folder that holds everything.
    pub fn folder(path: &Path) -> Self {
        Self { folder: path.to_owned(), store: None, partitions: None }
    }
}
