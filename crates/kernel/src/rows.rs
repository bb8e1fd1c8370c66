//! What is derived from the log and kept on disk: tables of rows, and the port that keeps them.

use crate::log::StoreError;

/// One change of a row: put (`Some`) or delete (`None`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    /// The row's key: any text without NUL. Keys are ordered by their UTF-8 bytes.
    pub key: String,
    /// The row's value as JSON text; `None` deletes the row.
    pub value: Option<String>,
}

/// Everything that changed between two settled numbers, applied in one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settlement {
    /// All rows now reflect the log through this sequence number.
    pub through_seq: u64,
    /// Per table (`[a-z_]+`, at most 40 characters), its changes sorted by key, each key once.
    pub tables: Vec<(String, Vec<RowChange>)>,
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
/// Contract: a settlement is applied whole or not at all, and a reader sees it whole or not at all.
/// Rows need not survive a power cut: what is lost is rebuilt from the log, so a store may lose the
/// latest settlements, as long as `settled` and the rows agree.
pub trait RowStore: Send + Sync {
    /// The sequence number through which the rows reflect the log; 0 when there are none.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn settled(&self) -> Result<u64, StoreError>;

    /// Applies a settlement in one transaction; missing tables are created.
    ///
    /// # Errors
    /// When the storage cannot be written; then nothing of it was applied.
    fn settle(&self, settlement: &Settlement) -> Result<(), StoreError>;

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

    /// Removes every row of every table; `settled` is 0 afterwards.
    ///
    /// # Errors
    /// When the storage cannot be written; then nothing was removed.
    fn clear(&self) -> Result<(), StoreError>;
}
