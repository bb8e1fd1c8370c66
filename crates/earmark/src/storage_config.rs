//! Where the data are: a folder, or a database and a folder for what is derived from it.

use std::path::{Path, PathBuf};

use earmark_stores::postgres::Address;

use crate::error::CliError;
use crate::settings::Settings;

/// Where the data are.
#[derive(Clone, Debug)]
pub struct StorageConfig {
    /// The data folder; if a database holds the log, it holds only the views of this process.
    pub folder: PathBuf,
    /// The database that holds the log, if one does.
    pub store: Option<Address>,
    /// The number of partitions of new data, if it was set.
    pub partitions: Option<u16>,
}

impl StorageConfig {
    /// A folder that holds everything.
    pub fn folder(path: &Path) -> Self {
        Self { folder: path.to_owned(), store: None, partitions: None }
    }

    /// The storage that the settings name.
    pub fn of(settings: &Settings) -> Result<Self, CliError> {
        let url = settings.stores.url.as_ref();
        let store = url.map(|url| url.reveal().parse()).transpose().map_err(|error| {
            CliError::usage(error)
                .advise("Write it as postgres://user:password@host:5432/database.")
        })?;
        let folder = settings.server.data.clone();
        Ok(Self { folder, store, partitions: settings.stores.partitions })
    }
}
