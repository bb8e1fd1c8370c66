//! A node: the services of this process, running on an exclusively opened data folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use earmark_kernel::Bus;
use earmark_kernel::clock::{Clock, SystemClock};
use earmark_kernel::runtime::Runtime;
use earmark_stores::sqlite::{DataFolder, OpenError};
use tempfile::TempDir;

use crate::error::CliError;
use crate::integrations::Integrations;
use crate::settings::Settings;
use crate::storage_config::StorageConfig;
use crate::wiring;

/// Where a server says how it is reached, while it has the folder.
const URL_FILE: &str = "server.url";

/// The services at work over a data folder.
pub struct Node {
    pub bus: Bus,
    pub runtime: Runtime,
    folder: DataFolder,
    integrations: Option<Integrations>,
    /// A folder that goes with this.
    _borrowed: Option<TempDir>,
}

impl Node {
    /// Opens the storage, and makes what is not there.
    pub fn open(storage: &StorageConfig) -> Result<Self, CliError> {
        Self::open_at(storage, Arc::new(SystemClock))
    }

    /// Opens the storage for a while. Where a database holds the log and another process has the
    /// folder, views are derived in a temporary one.
    pub fn open_readonly(storage: &StorageConfig) -> Result<Self, CliError> {
        if storage.store.is_none() || !Self::is_taken(&storage.folder) {
            return Self::open(storage);
        }
        let borrowed = tempfile::Builder::new().prefix("earmark-visit-").tempdir()?;
        let node =
            Self::open(&StorageConfig { folder: borrowed.path().to_owned(), ..storage.clone() })?;
        Ok(Self { _borrowed: Some(borrowed), ..node })
    }

    /// Opens data that are there.
    pub fn open_existing(storage: &StorageConfig) -> Result<Self, CliError> {
        if storage.store.is_none() && !holds_a_log(&storage.folder) {
            let what = format!("there is no data in {}", storage.folder.display());
            return Err(CliError::new(what).advise(
                "Name the folder with --data, or begin: `earmark demo` for a first look, `earmark \
                 import batches FILE.csv` for stock of your own.",
            ));
        }
        Self::open_readonly(storage)
    }

    /// Opens the storage with another clock than the machine's.
    pub fn open_at(storage: &StorageConfig, clock: Arc<dyn Clock>) -> Result<Self, CliError> {
        let path = &storage.folder;
        let folder = DataFolder::open(path).map_err(|error| refused(path, &error))?;
        // A server that was killed could not take back what it said.
        let _ = fs::remove_file(path.join(URL_FILE));
        let bus = wiring::open(&folder, storage, clock)?;
        let runtime = Runtime::start(&bus)?;
        Ok(Self { bus, runtime, folder, integrations: None, _borrowed: None })
    }

    /// Whether the folder holds a log.
    pub fn is_there(path: &Path) -> bool {
        holds_a_log(path)
    }

    /// Whether another process has the folder.
    pub fn is_taken(path: &Path) -> bool {
        matches!(DataFolder::open(path), Err(OpenError::InUse { .. }))
    }

    /// Says in the folder how the server is reached; nothing depends on it.
    pub fn announce(&self, url: &str) {
        if let Err(error) = fs::write(self.url_file(), url) {
            tracing::warn!(%error, "cannot write the address of the server into the data folder");
        }
    }

    /// Begins to speak with the outside world, as the settings say.
    pub fn start_integrations(&mut self, settings: &Settings) -> Result<(), CliError> {
        self.integrations = Integrations::start(&self.bus, settings)?;
        Ok(())
    }

    /// Serves what waits, flushes the views, and gives the folder back.
    pub fn close(self) {
        // The next process that opens the folder finds no server address.
        let _ = fs::remove_file(self.url_file());
        // Where the relays are is kept by the writers: they end first.
        if let Some(integrations) = self.integrations {
            integrations.stop();
        }
        self.runtime.stop();
    }

    fn url_file(&self) -> PathBuf {
        self.folder.path().join(URL_FILE)
    }
}

/// Whether a folder holds a log of ours.
pub fn holds_a_log(path: &Path) -> bool {
    let Ok(entries) = fs::read_dir(path) else {
        return false;
    };
    let mut names = entries.flatten().map(|entry| entry.file_name());
    names.any(|name| name.to_string_lossy().ends_with(".log.db"))
}

/// How the server that has a folder is reached, if one said so.
pub fn announced(path: &Path) -> Option<String> {
    fs::read_to_string(path.join(URL_FILE)).ok()
}

fn refused(path: &Path, error: &OpenError) -> CliError {
    let problem = CliError::new(error);
    match (error, announced(path)) {
        (OpenError::InUse { .. }, Some(url)) => problem.advise(format!(
            "A server has it: ask it instead with `--server {url}` (stock, allocate and log can), \
             or stop it."
        )),
        (OpenError::InUse { .. }, None) => problem.advise(
            "One process at a time has a data folder. Wait until that one ends, or name another \
             folder with --data.",
        ),
        _ => problem,
    }
}

/// A clock by the machine's time, for what is measured and shown.
pub fn now_ms() -> i64 {
    SystemClock.now().0
}
