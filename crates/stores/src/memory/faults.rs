//! Faults of the memory stores. The caller requests them; each happens once, in that order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use earmark_kernel::log::StoreError;

/// How an append fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendFault {
    /// Nothing is written, and the append returns `Failed`.
    Failed,
    /// Nothing is written, and the append returns `Full`.
    Full,
    /// The record is written and synced, but the append returns `Unknown`.
    UnknownWritten,
    /// Nothing is written, and the append returns `Unknown`.
    UnknownLost,
    /// The append returns success, but the record is not synced: a crash before the next successful
    /// append loses it. A correct disk never does this; it shows that the tests can fail.
    Unsynced,
}

/// The pending faults of a log, of rows, or of both; clones share one list.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Pending>>);

#[derive(Debug, Default)]
struct Pending {
    appends: VecDeque<Option<AppendFault>>,
    flushes: u32,
    reads: u32,
}

impl Faults {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends `fault` to the list: each append takes one entry.
    pub fn next_append(&self, fault: AppendFault) {
        self.pending().appends.push_back(Some(fault));
    }

    /// Appends a success to the list, between two faults.
    pub fn spare_append(&self) {
        self.pending().appends.push_back(None);
    }

    /// Makes the next `count` flushes or clears of rows fail; they change nothing.
    pub fn fail_flushes(&self, count: u32) {
        self.pending().flushes += count;
    }

    /// Makes the next `count` reads of log or rows fail.
    pub fn fail_reads(&self, count: u32) {
        self.pending().reads += count;
    }

    /// Removes every pending fault.
    pub fn heal(&self) {
        *self.pending() = Pending::default();
    }

    pub(super) fn take_append(&self) -> Option<AppendFault> {
        self.pending().appends.pop_front().flatten()
    }

    pub(super) fn flush(&self) -> Result<(), StoreError> {
        spend(&mut self.pending().flushes, "the rows cannot be written: a fault was ordered")
    }

    pub(super) fn read(&self) -> Result<(), StoreError> {
        spend(&mut self.pending().reads, "the storage cannot be read: a fault was ordered")
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().expect("nothing panics while it holds the list of faults")
    }
}

fn spend(count: &mut u32, text: &str) -> Result<(), StoreError> {
    if *count == 0 {
        return Ok(());
    }
    *count -= 1;
    Err(StoreError(text.to_owned()))
}
