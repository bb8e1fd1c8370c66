//! The row port: tables of rows that are derived from the log and stored on disk.

use std::ops::ControlFlow;

use crate::ports::log::StoreError;

/// The changes of one table, sorted by key, with each key once. A flush has tens of thousands of
/// rows, so each row can be serialized when it is written instead of holding all of them in memory.
pub trait Changes {
    /// The number of changed rows.
    fn count(&self) -> usize;

    /// Calls `show` for each row until it breaks: with the key, any text without NUL (keys are
    /// ordered by their UTF-8 bytes), and the value as JSON, `None` for a deleted row. A second
    /// call shows the same rows. Implementations do not read from the store that is being written.
    ///
    /// # Errors
    /// When a row cannot be serialized.
    fn each(&self, show: &mut ShowRow<'_>) -> Result<(), StoreError>;
}

/// Receives a row's key and its value as JSON, `None` for a deleted row.
pub type ShowRow<'s> = dyn FnMut(&str, Option<&[u8]>) -> ControlFlow<()> + 's;

/// Rows that are already serialized in memory.
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

/// All changes since the previous flush, applied in one transaction.
#[derive(Default)]
pub struct FlushBatch<'c> {
    /// After this flush the rows reflect the log through this sequence number.
    pub through_seq: u64,
    /// The changes by table name (`[a-z_]+`, at most 40 characters).
    pub tables: Vec<(String, Box<dyn Changes + 'c>)>,
}

/// A range of keys to scan: `from <= key < below`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key of the range (inclusive).
    pub from: String,
    /// The end of the range (exclusive); `None` for the end of the table.
    pub below: Option<String>,
    /// The maximum number of rows.
    pub limit: usize,
    /// Returns the rows in descending order, starting at the end of the range.
    pub backwards: bool,
}

/// The derived rows of one partition.
///
/// Contract: a flush is applied whole or not at all, and readers see it whole or not at all. Rows
/// need not survive a power cut, because they can be rebuilt from the log: a store may lose the
/// latest flushes if `flushed` and the rows still agree.
pub trait RowStore: Send + Sync {
    /// The sequence number through which the rows reflect the log; 0 if nothing was flushed yet.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn flushed(&self) -> Result<u64, StoreError>;

    /// Applies a flush in one transaction. Creates missing tables.
    ///
    /// # Errors
    /// When the storage cannot be written or a row cannot be serialized; nothing was applied then.
    fn flush(&self, batch: &FlushBatch<'_>) -> Result<(), StoreError>;

    /// The value of one row; `None` if there is no such row or table.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn row(&self, table: &str, key: &str) -> Result<Option<String>, StoreError>;

    /// The rows of a range as `(key, value)`, ordered by key (descending if `backwards`).
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn rows(&self, table: &str, range: &KeyRange) -> Result<Vec<(String, String)>, StoreError>;

    /// Removes all rows of all tables; `flushed` is 0 afterwards.
    ///
    /// # Errors
    /// When the storage cannot be written; nothing was removed then.
    fn clear(&self) -> Result<(), StoreError>;
}
