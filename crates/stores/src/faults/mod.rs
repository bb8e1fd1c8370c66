//! A disk under the SQLite stores that writes down what happens on it and fails when it is told to:
//! for tests alone, behind the feature `faults`, which the program is never shipped with.
//!
//! What it knows: writes, cuts, syncs, files made and removed, in order. From these a test builds
//! what a power cut would have left. A test puts it under a folder before it opens a store there.

mod vfs;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rusqlite::{Connection, OpenFlags};

/// Something that happened on the disk, or that the test noted. Files go by their names.
#[derive(Clone, Debug)]
pub enum Step {
    /// A file came to be, empty.
    Made(Arc<str>),
    /// A file's name went away.
    Removed(Arc<str>),
    /// Bytes were written.
    Wrote {
        /// The file.
        file: Arc<str>,
        /// Where, in bytes from its beginning.
        at: u64,
        /// What.
        bytes: Arc<[u8]>,
    },
    /// A file was cut to so many bytes.
    Cut(Arc<str>, u64),
    /// A sync of a file began, and ends well: what was written to it before is there for good.
    Synced(Arc<str>),
    /// A sync of a file failed: what was written to it before may or may not be there, and no later
    /// sync will bring what is not written again.
    SyncFailed(Arc<str>),
    /// The folder was synced: which names there are is so for good.
    SyncedFolder,
    /// What the test said.
    Noted(u64),
}

/// A disk under one folder. Clones are the same one; it is there until the last is dropped.
#[derive(Clone, Debug)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    steps: Vec<Step>,
    sizes: BTreeMap<Arc<str>, u64>,
    syncs: u64,
    fails_sync: Option<u64>,
    /// Bytes that all files together may hold.
    room_bytes: Option<u64>,
}

static DISKS: Mutex<Vec<(PathBuf, Weak<Mutex<State>>)>> = Mutex::new(Vec::new());

impl Disk {
    /// A disk under a folder that is there. Stores opened before it do not know of it.
    ///
    /// # Errors
    /// When the folder cannot be looked at.
    pub fn under(folder: &Path) -> io::Result<Self> {
        vfs::install();
        let folder = folder.canonicalize()?;
        let state = Arc::default();
        let mut disks = locked(&DISKS);
        disks.retain(|(path, disk)| disk.strong_count() > 0 && *path != folder);
        disks.push((folder, Arc::downgrade(&state)));
        Ok(Self(state))
    }

    /// The disk under a file, if there is one.
    fn of(path: &Path) -> Option<(Self, &Path)> {
        let folder = path.parent()?;
        let disks = locked(&DISKS);
        let (_, disk) = disks.iter().find(|(of, _)| of == folder)?;
        Some((Self(disk.upgrade()?), path))
    }

    /// What happened so far.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        self.state().steps.clone()
    }

    /// Writes something down between the steps.
    pub fn note(&self, what: u64) {
        self.state().steps.push(Step::Noted(what));
    }

    /// How many syncs there were, failed ones too.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// The n-th sync (from 1) fails; those after it do not, as it is with Linux.
    pub fn fail_sync(&self, n: u64) {
        self.state().fails_sync = Some(n);
    }

    /// Whether the sync that was to fail has failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        let state = self.state();
        state.fails_sync.is_some_and(|n| n <= state.syncs)
    }

    /// From now on there is room for so many bytes more; `None`: for all.
    pub fn leave_room(&self, bytes: Option<u64>) {
        let mut state = self.state();
        let used: u64 = state.sizes.values().sum();
        state.room_bytes = bytes.map(|bytes| used + bytes);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0)
    }

    fn opened(&self, path: &Path, was_there: bool, syncs_folder: bool) -> Handle {
        let file = name(path);
        let size = path.metadata().map_or(0, |it| it.len());
        let mut state = self.state();
        state.sizes.insert(Arc::clone(&file), size);
        if !was_there {
            state.steps.push(Step::Made(Arc::clone(&file)));
        }
        Handle { disk: self.clone(), file, syncs_folder: AtomicBool::new(syncs_folder) }
    }

    fn removed(&self, path: &Path, syncs_folder: bool) {
        let file = name(path);
        let mut state = self.state();
        state.sizes.remove(&file);
        state.steps.push(Step::Removed(file));
        if syncs_folder {
            state.steps.push(Step::SyncedFolder);
        }
    }
}

/// An open file of a disk.
#[derive(Debug)]
struct Handle {
    disk: Disk,
    file: Arc<str>,
    /// The next sync is one of the folder too.
    syncs_folder: AtomicBool,
}

impl Handle {
    /// Says how many of the bytes have room.
    fn write(&self, at: u64, bytes: &[u8]) -> usize {
        let mut state = self.disk.state();
        let size = state.sizes.get(&self.file).copied().unwrap_or(0);
        let end = at + bytes.len() as u64;
        let others = state.sizes.values().sum::<u64>() - size;
        let end_max = state.room_bytes.map_or(u64::MAX, |room| room.saturating_sub(others));
        let end = end.min(end_max.max(size)).max(at);
        let fits = usize::try_from(end - at).unwrap_or(bytes.len());
        if fits > 0 {
            state.sizes.insert(Arc::clone(&self.file), size.max(end));
            let file = Arc::clone(&self.file);
            state.steps.push(Step::Wrote { file, at, bytes: bytes[..fits].into() });
        }
        fits
    }

    fn cut(&self, size: u64) {
        let mut state = self.disk.state();
        state.sizes.insert(Arc::clone(&self.file), size);
        state.steps.push(Step::Cut(Arc::clone(&self.file), size));
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.syncs += 1;
        let file = Arc::clone(&self.file);
        if state.fails_sync == Some(state.syncs) {
            state.steps.push(Step::SyncFailed(file));
            return Err(io::Error::other("a fault was ordered"));
        }
        state.steps.push(Step::Synced(file));
        if self.syncs_folder.swap(false, Ordering::Relaxed) {
            state.steps.push(Step::SyncedFolder);
        }
        Ok(())
    }
}

/// Tells the disk under a file, if there is one, of bytes that the store wrote without SQLite.
pub(crate) fn wrote(path: &Path, at: u64, bytes: &[u8]) {
    if let Some((disk, path)) = Disk::of(path) {
        disk.opened(path, true, false).write(at, bytes);
    }
}

/// Tells it of a sync, which fails where one was to fail.
pub(crate) fn synced(path: &Path) -> io::Result<()> {
    Disk::of(path).map_or(Ok(()), |(disk, path)| disk.opened(path, true, false).sync())
}

/// Tells it of a sync of the folder.
pub(crate) fn synced_folder_of(path: &Path) {
    if let Some((disk, _)) = Disk::of(path) {
        disk.state().steps.push(Step::SyncedFolder);
    }
}

/// What SQLite finds wrong with a database file; `ok` when nothing is.
///
/// # Errors
/// When it cannot even be read.
pub fn integrity(path: &Path) -> Result<String, String> {
    let text = |error: rusqlite::Error| error.to_string();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(text)?;
    connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(text)
}

fn name(path: &Path) -> Arc<str> {
    path.file_name().map(OsStr::to_string_lossy).unwrap_or_default().into()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
