//! Operations that the store performs without SQLite, reported to the disk under the file.

use std::io;
use std::path::Path;

use super::disk::Disk;

/// Reports a write to the disk under a file, if there is one.
pub(crate) fn wrote(path: &Path, at: u64, bytes: &[u8]) {
    if let Some((disk, path)) = Disk::of(path) {
        disk.opened(path, true, false).write(at, bytes);
    }
}

/// Reports a sync, which fails if a fault was requested for it.
pub(crate) fn synced(path: &Path) -> io::Result<()> {
    Disk::of(path).map_or(Ok(()), |(disk, path)| disk.opened(path, true, false).sync())
}

/// Reports a sync of the folder.
pub(crate) fn synced_folder_of(path: &Path) {
    if let Some((disk, _)) = Disk::of(path) {
        disk.synced_folder();
    }
}
