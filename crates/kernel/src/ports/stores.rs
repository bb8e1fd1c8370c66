//! The two stores of a partition.

use std::sync::Arc;

use crate::ports::log::LogStore;
use crate::ports::rows::RowStore;

/// The storage of one partition: its log and its rows.
#[derive(Clone)]
pub struct Stores {
    /// The log, the source of truth.
    pub log: Arc<dyn LogStore>,
    /// The rows, derived from the log; may be empty.
    pub rows: Arc<dyn RowStore>,
}
