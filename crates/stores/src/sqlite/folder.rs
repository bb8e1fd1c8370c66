//! The data folder: created, refused on a network file system, and locked by one process.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::OpenError;
use super::filesystem;

/// The file whose lock marks the folder as in use; it contains the owner's process id.
const LOCK_FILE: &str = "earmark.lock";
/// Contains the number of partitions, if there is more than one.
pub(super) const PARTITIONS_FILE: &str = "earmark.partitions";
/// The largest number of partitions; a larger setting is taken for a mistake.
const PARTITIONS_MAX: u16 = 256;

/// A data folder that this process has locked, until the last clone of this and the last store in
/// the folder are dropped.
#[derive(Clone, Debug)]
pub struct DataFolder {
    path: PathBuf,
    _lock: Arc<File>,
}

impl DataFolder {
    /// Locks the folder; creates a missing one, readable by its owner only.
    ///
    /// # Errors
    /// When it cannot be created, is on a network file system, or is locked by another process.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        create(path).map_err(|source| failed("create", path, source))?;
        let network =
            filesystem::network_name(path).map_err(|source| failed("inspect", path, source))?;
        if let Some(filesystem) = network {
            return Err(OpenError::NetworkFilesystem { path: path.to_owned(), filesystem });
        }
        let lock = lock(path)?;
        Ok(Self { path: path.to_owned(), _lock: Arc::new(lock) })
    }

    /// The number of partitions of each service. A folder without a log gets `requested` partitions
    /// (default 1), and the number is fixed from then on.
    ///
    /// # Errors
    /// When the folder has another number, or the number cannot be stored.
    pub fn partitions(&self, requested: Option<u16>) -> Result<u16, OpenError> {
        let path = self.path.join(PARTITIONS_FILE);
        let io = |doing, source| failed(doing, &path, source);
        let stored = match fs::read_to_string(&path) {
            Ok(text) => Some(text.trim().parse().unwrap_or(1)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io("read", error)),
        };
        let has_log =
            || fs::read_dir(&self.path).is_ok_and(|it| it.flatten().any(|it| is_log(&it)));
        let existing = stored.or_else(|| has_log().then_some(1));
        if let Some(existing) = existing {
            return match requested.filter(|it| *it != existing) {
                None => Ok(existing),
                Some(requested) => {
                    Err(OpenError::Partitions { path: self.path.clone(), requested, existing })
                }
            };
        }
        let count = requested.unwrap_or(1);
        if !(1..=PARTITIONS_MAX).contains(&count) {
            return Err(OpenError::PartitionCount { requested: count });
        }
        if count > 1 {
            let write = || {
                let mut file = File::create(&path)?;
                write!(file, "{count}")?;
                file.sync_all()?;
                File::open(&self.path)?.sync_all()
            };
            write().map_err(|error| io("write", error))?;
        }
        Ok(count)
    }

    /// The path of the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Creates the folder and syncs its parent, so that a power cut cannot lose the whole folder.
fn create(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    match fs::canonicalize(path)?.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join(LOCK_FILE);
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = opened.map_err(|source| failed("open", &path, source))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(OpenError::InUse { path: folder.to_owned(), owner: owner(&mut file) });
        }
        Err(TryLockError::Error(source)) => return Err(failed("lock", &path, source)),
    }
    write_owner(&mut file).map_err(|source| failed("write", &path, source))?;
    Ok(file)
}

fn write_owner(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())
}

fn is_log(entry: &fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().ends_with(".log.db")
}

fn owner(file: &mut File) -> String {
    let mut text = String::new();
    // If this fails, the owner is reported without its id.
    let _ = file.take(20).read_to_string(&mut text);
    match text.trim().parse::<u32>() {
        Ok(id) if id == std::process::id() => "this same process".to_owned(),
        Ok(id) => format!("process {id}"),
        Err(_) => "another process".to_owned(),
    }
}

fn failed(doing: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Io { doing, path: path.to_owned(), source }
}
