//! What a disk records.

use std::sync::Arc;

/// An operation on the disk, or a note of the test. Files are identified by their names.
#[derive(Clone, Debug)]
pub enum Step {
    /// An empty file was created.
    Made(Arc<str>),
    /// A file's name was removed.
    Removed(Arc<str>),
    /// Bytes were written.
    Wrote {
        /// The file.
        file: Arc<str>,
        /// The offset in bytes.
        at: u64,
        /// The bytes.
        bytes: Arc<[u8]>,
    },
    /// A file was truncated to this size in bytes.
    Cut(Arc<str>, u64),
    /// A sync of a file began, and succeeds: everything written to it before is durable.
    Synced(Arc<str>),
    /// A sync of a file failed: what was written to it before may or may not be durable, and only
    /// writing it again and another sync make it durable.
    SyncFailed(Arc<str>),
    /// The folder was synced: its file names are durable.
    SyncedFolder,
    /// A note of the test.
    Noted(u64),
}
