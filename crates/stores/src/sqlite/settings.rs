//! The sizes the SQLite stores work with.

/// Sizes, in bytes, that decide when work is done; none of them weakens a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Page size of a new log file: a power of two from 512 to 65,536.
    pub log_page_bytes: u32,
    /// Page size of a new file of derived rows.
    pub rows_page_bytes: u32,
    /// The log's write-ahead file is copied into the log each time it has grown by so much.
    pub checkpoint_bytes: u64,
    /// When no more than so much is left to copy, commits wait for it, and the write-ahead file
    /// starts over.
    pub pause_bytes: u64,
    /// From this size of the write-ahead file on, commits wait for the copy whatever is left.
    pub wal_bytes_max: u64,
    /// The derived rows' write-ahead file is copied back when it is as large as this.
    pub rows_checkpoint_bytes: u64,
    /// Memory for pages the flusher works on.
    pub rows_cache_bytes: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            log_page_bytes: 8192,
            rows_page_bytes: 16_384,
            checkpoint_bytes: 4 << 20,
            pause_bytes: 256 << 10,
            wal_bytes_max: 64 << 20,
            rows_checkpoint_bytes: 32 << 20,
            rows_cache_bytes: 8 << 20,
        }
    }
}
