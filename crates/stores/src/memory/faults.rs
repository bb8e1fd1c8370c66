//! The faults a caller orders for the memory stores; each happens once, in the order given.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use earmark_kernel::log::StoreError;

/// How an append is to end instead of well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendFault {
    /// Nothing is written and the answer is `Failed`.
    Failed,
    /// Nothing is written and the answer is `Full`.
    Full,
    /// The record is written and synced, but the answer is `Unknown`.
    UnknownWritten,
    /// Nothing is written, and the answer is `Unknown`.
    UnknownLost,
    /// The answer is good, but the record is not synced: a crash before the next good append loses
    /// it. No honest disk does this; it shows that the tests can fail.
    Unsynced,
}

/// The faults waiting to happen to a log, to rows, or to both; clones share one list.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    appends: VecDeque<Option<AppendFault>>,
    flushes: u32,
    reads: u32,
}

impl Faults {
    /// No faults yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next append without a fate of its own ends with `fault`.
    pub fn next_append(&self, fault: AppendFault) {
        self.waiting().appends.push_back(Some(fault));
    }

    /// The next append without a fate of its own goes well: a pause between two faults.
    pub fn spare_append(&self) {
        self.waiting().appends.push_back(None);
    }

    /// The next `count` flushes (or clearings) of rows fail and change nothing.
    pub fn fail_flushes(&self, count: u32) {
        self.waiting().flushes += count;
    }

    /// The next `count` reads, of log or rows, fail.
    pub fn fail_reads(&self, count: u32) {
        self.waiting().reads += count;
    }

    /// Forgets every fault that has not happened yet: the world heals.
    pub fn heal(&self) {
        *self.waiting() = Waiting::default();
    }

    pub(super) fn take_append(&self) -> Option<AppendFault> {
        self.waiting().appends.pop_front().flatten()
    }

    pub(super) fn flush(&self) -> Result<(), StoreError> {
        spend(&mut self.waiting().flushes, "the rows cannot be written: a fault was ordered")
    }

    pub(super) fn read(&self) -> Result<(), StoreError> {
        spend(&mut self.waiting().reads, "the storage cannot be read: a fault was ordered")
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
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
