//! Sizes that the SQLite stores work with.

/// Sizes, in bytes, that decide when work is done. None of them affects a guarantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Page size of a new log file: a power of two from 512 to 65,536.
    pub log_page_bytes: u32,
    /// Page size of a new file of derived rows.
    pub rows_page_bytes: u32,
    /// The log's write-ahead file is checkpointed each time it has grown by this size.
    pub checkpoint_bytes: u64,
    /// When at most this size is left to copy, commits wait for the copy, and the write-ahead file
    /// starts over.
    pub pause_bytes: u64,
    /// Above this size of the write-ahead file, commits wait for a copy of all of it.
    pub wal_bytes_max: u64,
    /// The write-ahead file of the derived rows is checkpointed when it has this size.
    pub rows_checkpoint_bytes: u64,
    /// Page cache of the flusher.
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
