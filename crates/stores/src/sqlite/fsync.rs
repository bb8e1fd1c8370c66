//! Syncs outside SQLite: of the log's file, and of a write-ahead file that an earlier process left.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes copied at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Syncs everything that was written to a file, through any handle.
pub(super) fn sync_data(file: &File, path: &Path) -> io::Result<()> {
    #[cfg(feature = "faults")]
    crate::faults::synced(path)?;
    #[cfg(not(feature = "faults"))]
    let _ = path;
    file.sync_data()
}

/// Writes the write-ahead file of a database again, byte for byte, and syncs it and its name.
///
/// A process that was killed, or that ended because a sync failed, leaves commits that can be read
/// but that a power cut may still lose. A process that opens the database would trust them and
/// answer from them. Another sync does not help after a failed one: the system then considers
/// pages as written that are not (Rebello et al., "Can Applications Recover from fsync Failures?",
/// 2020).
///
/// Call this before SQLite opens the database. A database that was closed properly has no
/// write-ahead file.
pub(super) fn rewrite_wal(database: &Path) -> io::Result<()> {
    let path = PathBuf::from(format!("{}-wal", database.display()));
    let file = match File::options().read(true).write(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut at = 0;
    loop {
        let count = file.read_at(&mut chunk, at)?;
        if count == 0 {
            break;
        }
        #[cfg(feature = "faults")]
        crate::faults::wrote(&path, at, &chunk[..count]);
        file.write_all_at(&chunk[..count], at)?;
        at += count as u64;
    }
    sync_data(&file, &path)?;
    sync_folder_of(&path)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    #[cfg(feature = "faults")]
    crate::faults::synced_folder_of(path);
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
