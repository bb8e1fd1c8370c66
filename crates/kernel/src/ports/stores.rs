//! The two stores of a partition.

use std::sync::Arc;

use crate::ports::log::LogStore;
use crate::ports::rows::RowStore;

/// What a partition stores its log and its rows in.
#[derive(Clone)]
pub struct Stores {
    /// The log: the truth.
    pub log: Arc<dyn LogStore>,
    /// The rows: derived, may be empty.
    pub rows: Arc<dyn RowStore>,
}
