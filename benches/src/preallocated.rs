//! A file that is written at its full size first, so that later syncs write no metadata.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The size of the file; after its end, writing continues at its start.
pub const FILE_BYTES: u64 = 256 * 1024 * 1024;
/// Number of zeros written at a time.
const ZEROS: usize = 1024 * 1024;

/// A file of a fixed size.
pub struct Preallocated {
    file: File,
    at: u64,
    bytes: u64,
}

impl Preallocated {
    pub fn create(folder: &Path, bytes: u64) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut open = OpenOptions::new();
        open.create(true).truncate(true).write(true);
        let mut file = open.open(folder.join("bare"))?;
        let zeros = vec![0; ZEROS];
        for _ in 0..bytes.div_ceil(ZEROS as u64) {
            file.write_all(&zeros)?;
        }
        file.sync_all()?;
        Ok(Self { file, at: 0, bytes })
    }

    /// Appends a group, and returns when it is on disk.
    pub fn append(&mut self, group: &[u8]) -> io::Result<()> {
        if self.at + group.len() as u64 > self.bytes {
            self.at = 0;
        }
        self.file.write_all_at(group, self.at)?;
        self.at += group.len() as u64;
        self.file.sync_data()
    }
}
