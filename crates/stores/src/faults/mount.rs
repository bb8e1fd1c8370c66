//! Puts a disk under a folder.

use std::io;
use std::path::Path;

use super::disk::Disk;
use super::vfs;

impl Disk {
    /// A disk under an existing folder. Stores that were opened before do not use it.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn under(folder: &Path) -> io::Result<Self> {
        vfs::install();
        Ok(Self::register(folder.canonicalize()?))
    }
}
