//! A disk that records the operations on the files of one folder, and fails on request.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::step::Step;

/// A disk under one folder. Clones share it; it is removed when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    steps: Vec<Step>,
    sizes: BTreeMap<Arc<str>, u64>,
    syncs: u64,
    fails_sync: Option<u64>,
    /// The largest total size of all files.
    capacity_bytes: Option<u64>,
}

static DISKS: Mutex<Vec<(PathBuf, Weak<Mutex<State>>)>> = Mutex::new(Vec::new());

impl Disk {
    /// A new disk under a folder with this canonical path.
    pub(super) fn register(folder: PathBuf) -> Self {
        let state = Arc::default();
        let mut disks = locked(&DISKS);
        disks.retain(|(path, disk)| disk.strong_count() > 0 && *path != folder);
        disks.push((folder, Arc::downgrade(&state)));
        Self(state)
    }

    /// The disk under a file, if there is one.
    pub(super) fn of(path: &Path) -> Option<(Self, &Path)> {
        let folder = path.parent()?;
        let disks = locked(&DISKS);
        let (_, disk) = disks.iter().find(|(of, _)| of == folder)?;
        Some((Self(disk.upgrade()?), path))
    }

    /// Everything recorded until now.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        self.state().steps.clone()
    }

    /// Records a note between the steps.
    pub fn note(&self, what: u64) {
        self.state().steps.push(Step::Noted(what));
    }

    /// The number of syncs, including failed ones.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Makes the n-th sync (from 1) fail. Later ones succeed, as on Linux.
    pub fn fail_sync(&self, n: u64) {
        self.state().fails_sync = Some(n);
    }

    /// Whether the requested failure of a sync has happened.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        let state = self.state();
        state.fails_sync.is_some_and(|n| n <= state.syncs)
    }

    /// Limits the free space to this number of bytes; `None` removes the limit.
    pub fn leave_room(&self, bytes: Option<u64>) {
        let mut state = self.state();
        let used: u64 = state.sizes.values().sum();
        state.capacity_bytes = bytes.map(|bytes| used + bytes);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0)
    }

    pub(super) fn opened(&self, path: &Path, was_there: bool, syncs_folder: bool) -> Handle {
        let file = name(path);
        let size = path.metadata().map_or(0, |it| it.len());
        let mut state = self.state();
        state.sizes.insert(Arc::clone(&file), size);
        if !was_there {
            state.steps.push(Step::Made(Arc::clone(&file)));
        }
        Handle { disk: self.clone(), file, syncs_folder: AtomicBool::new(syncs_folder) }
    }

    pub(super) fn synced_folder(&self) {
        self.state().steps.push(Step::SyncedFolder);
    }

    pub(super) fn removed(&self, path: &Path, syncs_folder: bool) {
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
pub(super) struct Handle {
    disk: Disk,
    file: Arc<str>,
    /// The next sync also syncs the folder.
    syncs_folder: AtomicBool,
}

impl Handle {
    /// Records a write; returns how many of the bytes fit.
    pub(super) fn write(&self, at: u64, bytes: &[u8]) -> usize {
        let mut state = self.disk.state();
        let size = state.sizes.get(&self.file).copied().unwrap_or(0);
        let end = at + bytes.len() as u64;
        let others = state.sizes.values().sum::<u64>() - size;
        let end_max = state.capacity_bytes.map_or(u64::MAX, |it| it.saturating_sub(others));
        let end = end.min(end_max.max(size)).max(at);
        let fits = usize::try_from(end - at).unwrap_or(bytes.len());
        if fits > 0 {
            state.sizes.insert(Arc::clone(&self.file), size.max(end));
            let file = Arc::clone(&self.file);
            state.steps.push(Step::Wrote { file, at, bytes: bytes[..fits].into() });
        }
        fits
    }

    pub(super) fn cut(&self, size: u64) {
        let mut state = self.disk.state();
        state.sizes.insert(Arc::clone(&self.file), size);
        state.steps.push(Step::Cut(Arc::clone(&self.file), size));
    }

    pub(super) fn sync(&self) -> io::Result<()> {
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

fn name(path: &Path) -> Arc<str> {
    path.file_name().map(OsStr::to_string_lossy).unwrap_or_default().into()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
