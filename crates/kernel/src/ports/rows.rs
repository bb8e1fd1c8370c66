//! What is derived from the log and kept on disk: tables of rows, and the port that keeps them.

use std::ops::ControlFlow;

use crate::ports::log::StoreError;

/// What changes in one table, sorted by key, each key once. A flush has tens of thousands of
/// rows, so each can be made when it is written, and need not stand in memory with the others.
pub trait Changes {
    /// How many rows change.
    fn count(&self) -> usize;

    /// Shows each row to `show`, and none after it breaks: its key, any text without NUL (keys
    /// are ordered by their UTF-8 bytes), and its value as JSON text, `None` where it is deleted.
    /// It shows the same when it is called again, and reads nothing from the store that asks it.
    ///
    /// # Errors
    /// When a row cannot be made.
    fn each(&self, show: &mut ShowRow<'_>) -> Result<(), StoreError>;
}

/// Takes a row's key and its value as JSON text, `None` where it is deleted.
pub type ShowRow<'s> = dyn FnMut(&str, Option<&[u8]>) -> ControlFlow<()> + 's;

/// Rows that stand in memory.
impl<K: AsRef<str>, V: AsRef<[u8]>> Changes for Vec<(K, Option<V>)> {
    fn count(&self) -> usize {
        self.len()
    }
    fn each(&self, show: &mut ShowRow<'_>) -> Result<(), StoreError> {
        let mut rows = self.iter();
        let _ =
            rows.try_for_each(|(key, value)| show(key.as_ref(), value.as_ref().map(AsRef::as_ref)));
        Ok(())
    }
}

/// Everything that changed between two flushed numbers, applied in one transaction.
#[derive(Default)]
pub struct FlushBatch<'c> {
    /// All rows now reflect the log through this sequence number.
    pub through_seq: u64,
    /// What changes, by table (`[a-z_]+`, at most 40 characters).
    pub tables: Vec<(String, Box<dyn Changes + 'c>)>,
}

/// A range of keys to scan: `from <= key < below` (`below` empty: no end).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key that may be returned.
    pub from: String,
    /// Keys from here on are not returned; `None` means to the end of the table.
    pub below: Option<String>,
    /// At most so many rows.
    pub limit: usize,
    /// From the end of the range backwards.
    pub backwards: bool,
}

/// The derived rows of one partition.
///
/// Contract: a flush is applied whole or not at all, and a reader sees it whole or not at all.
/// Rows need not survive a power cut: what is lost is rebuilt from the log, so a store may lose the
/// latest flushes, as long as `flushed` and the rows agree.
pub trait RowStore: Send + Sync {
    /// The sequence number through which the rows reflect the log; 0 when there are none.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn flushed(&self) -> Result<u64, StoreError>;

    /// Applies a flush in one transaction; missing tables are created.
    ///
    /// # Errors
    /// When the storage cannot be written or a row cannot be made; then nothing of it was applied.
    fn flush(&self, batch: &FlushBatch<'_>) -> Result<(), StoreError>;

    /// One row's value, `None` when there is no such row or table.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn row(&self, table: &str, key: &str) -> Result<Option<String>, StoreError>;

    /// The rows of a range, in order of their keys (or backwards), as `(key, value)`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn rows(&self, table: &str, range: &KeyRange) -> Result<Vec<(String, String)>, StoreError>;

    /// Removes every row of every table; `flushed` is 0 afterwards.
    ///
    /// # Errors
    /// When the storage cannot be written; then nothing was removed.
    fn clear(&self) -> Result<(), StoreError>;
}
