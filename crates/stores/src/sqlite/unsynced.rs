//! Files that the store syncs itself, and what an earlier process left unsynced in them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// So much is written again at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Syncs what was written to a file by whoever.
pub(super) fn sync(file: &File, path: &Path) -> io::Result<()> {
    #[cfg(feature = "faults")]
    crate::faults::synced(path)?;
    #[cfg(not(feature = "faults"))]
    let _ = path;
    file.sync_data()
}

/// Writes the write-ahead file of a database again, byte for byte, and syncs it and its name.
///
/// A process that was killed, or that ended because a sync failed, leaves commits that the machine
/// shows, and that a power cut may still take. Whoever opens the database would believe them and
/// answer from them. A sync alone does not help after a failed one: the system then counts as
/// written what is not (Rebello et al., "Can Applications Recover from fsync Failures?", 2020).
///
/// Must be done before SQLite opens the database. A file that was closed well has none.
pub(super) fn write_again(database: &Path) -> io::Result<()> {
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
    sync(&file, &path)?;
    sync_folder_of(&path)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    #[cfg(feature = "faults")]
    crate::faults::synced_folder_of(path);
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
