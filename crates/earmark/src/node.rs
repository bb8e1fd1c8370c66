//! A data folder that this process has opened exclusively, with its running services.

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

/// File with the URL of the server that has opened the folder.
const URL_FILE: &str = "server.url";

/// Running services over a data folder.
pub struct Node {
    pub bus: Bus,
    pub runtime: Runtime,
    folder: DataFolder,
    integrations: Option<Integrations>,
    /// A temporary folder that is deleted with this.
    _temporary: Option<TempDir>,
}

impl Node {
    /// Opens the storage, and creates it if it does not exist.
    pub fn open(storage: &StorageConfig) -> Result<Self, CliError> {
        Self::open_at(storage, Arc::new(SystemClock))
    }

    /// Opens the storage for a short time. If a database holds the log and another process has
    /// opened the folder, the views are derived in a temporary folder.
    pub fn open_readonly(storage: &StorageConfig) -> Result<Self, CliError> {
        if storage.store.is_none() || !Self::is_taken(&storage.folder) {
            return Self::open(storage);
        }
        let temporary = tempfile::Builder::new().prefix("earmark-visit-").tempdir()?;
        let node =
            Self::open(&StorageConfig { folder: temporary.path().to_owned(), ..storage.clone() })?;
        Ok(Self { _temporary: Some(temporary), ..node })
    }

    /// Opens a storage that must exist.
    pub fn open_existing(storage: &StorageConfig) -> Result<Self, CliError> {
        if storage.store.is_none() && !holds_a_log(&storage.folder) {
            let what = format!("there is no data in {}", storage.folder.display());
            return Err(CliError::new(what).advise(
                "Name the folder with --data. To begin, run `earmark demo` for a first look, or \
                 `earmark import batches FILE.csv` for your own stock.",
            ));
        }
        Self::open_readonly(storage)
    }

    /// Opens the storage with a given clock.
    pub fn open_at(storage: &StorageConfig, clock: Arc<dyn Clock>) -> Result<Self, CliError> {
        let path = &storage.folder;
        let folder = DataFolder::open(path).map_err(|error| refused(path, &error))?;
        // A server that was killed has left its file.
        let _ = fs::remove_file(path.join(URL_FILE));
        let bus = wiring::open(&folder, storage, clock)?;
        let runtime = Runtime::start(&bus)?;
        Ok(Self { bus, runtime, folder, integrations: None, _temporary: None })
    }

    /// Whether the folder holds a log.
    pub fn is_there(path: &Path) -> bool {
        holds_a_log(path)
    }

    /// Whether another process has opened the folder.
    pub fn is_taken(path: &Path) -> bool {
        matches!(DataFolder::open(path), Err(OpenError::InUse { .. }))
    }

    /// Writes the server's URL into the folder, for messages to users.
    pub fn announce(&self, url: &str) {
        if let Err(error) = fs::write(self.url_file(), url) {
            tracing::warn!(%error, "cannot write the URL of the server into the data folder");
        }
    }

    /// Starts the brokers and the mail that the settings name.
    pub fn start_integrations(&mut self, settings: &Settings) -> Result<(), CliError> {
        self.integrations = Integrations::start(&self.bus, settings)?;
        Ok(())
    }

    /// Finishes queued work, flushes the views, and releases the folder.
    pub fn close(self) {
        // The next process must find no server.
        let _ = fs::remove_file(self.url_file());
        // Relays store their positions through the writers, so they stop first.
        if let Some(integrations) = self.integrations {
            integrations.stop();
        }
        self.runtime.stop();
    }

    fn url_file(&self) -> PathBuf {
        self.folder.path().join(URL_FILE)
    }
}

/// Whether a folder holds a log.
pub fn holds_a_log(path: &Path) -> bool {
    let Ok(entries) = fs::read_dir(path) else {
        return false;
    };
    let mut names = entries.flatten().map(|entry| entry.file_name());
    names.any(|name| name.to_string_lossy().ends_with(".log.db"))
}

/// The URL of the server that has opened a folder, if it is known.
pub fn announced(path: &Path) -> Option<String> {
    fs::read_to_string(path.join(URL_FILE)).ok()
}

fn refused(path: &Path, error: &OpenError) -> CliError {
    let failed = CliError::new(error);
    match (error, announced(path)) {
        (OpenError::InUse { .. }, Some(url)) => failed.advise(format!(
            "A server has opened it. Send requests to that server with `--server {url}` (stock, \
             allocate, log and parked can), or stop it."
        )),
        (OpenError::InUse { .. }, None) => failed.advise(
            "Only one process at a time can open a data folder. Wait until it ends, or name another \
             folder with --data.",
        ),
        _ => failed,
    }
}

/// The machine's time in milliseconds since the epoch, for checks and messages.
pub fn now_ms() -> i64 {
    SystemClock.now().0
}
