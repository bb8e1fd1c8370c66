//! The data folder: created, refused on a network, and locked for one process.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::OpenError;
use super::filesystem;

/// The file whose lock says that the folder is taken; it holds the owner's process id.
const LOCK_FILE: &str = "earmark.lock";
/// Says how many partitions there are, where it is not one.
pub(super) const PARTITIONS_FILE: &str = "earmark.partitions";
/// More partitions than this are a mistake in a setting.
const PARTITIONS_MAX: u16 = 256;

/// A data folder that belongs to this process until the last clone of this is dropped, and every
/// store that was opened in it.
#[derive(Clone, Debug)]
pub struct DataFolder {
    path: PathBuf,
    _lock: Arc<File>,
}

impl DataFolder {
    /// Takes the folder, and creates it (readable by its owner only) if it is missing.
    ///
    /// # Errors
    /// When it cannot be created, is on a network file system, or belongs to another process.
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

    /// How many partitions each service has here: `asked` (1 where nothing is said) in a folder
    /// that holds no log yet, and from then on always so many.
    ///
    /// # Errors
    /// When the folder has another number, or the number cannot be kept.
    pub fn partitions(&self, asked: Option<u16>) -> Result<u16, OpenError> {
        let path = self.path.join(PARTITIONS_FILE);
        let io = |doing, source| failed(doing, &path, source);
        let kept = match fs::read_to_string(&path) {
            Ok(text) => Some(text.trim().parse().unwrap_or(1)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io("read", error)),
        };
        let has_log =
            || fs::read_dir(&self.path).is_ok_and(|it| it.flatten().any(|it| is_log(&it)));
        let are = kept.or_else(|| has_log().then_some(1));
        if let Some(are) = are {
            return match asked.filter(|asked| *asked != are) {
                None => Ok(are),
                Some(asked) => Err(OpenError::Partitions { path: self.path.clone(), asked, are }),
            };
        }
        let count = asked.unwrap_or(1);
        if !(1..=PARTITIONS_MAX).contains(&count) {
            return Err(OpenError::PartitionCount { asked: count });
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

    /// Where the folder is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Creates the folder and syncs its parent, so that a power cut does not take the whole folder
/// away.
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
    // Whatever cannot be read leaves the owner unnamed, nothing worse.
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
