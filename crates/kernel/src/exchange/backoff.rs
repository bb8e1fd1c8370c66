//! Backoff: which operations of a worker wait before they are run again.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::model::message::Key;
use crate::model::operation::{DueOperation, backoff_ms};
use crate::ports::clock::UnixMillis;

/// Number of remembered operations from which a worker starts no others. It bounds the memory, and
/// the number of due operations that a pass reads beyond those that wait.
const REMEMBERED_MAX: usize = 4_096;

/// The operations that a worker has run and that may have to wait before they are run again. It is
/// lost with the worker: the operations stay due, so another worker tries them at once.
#[derive(Default)]
pub(crate) struct Backoff {
    runs: FxHashMap<Key, LastRun>,
}

struct LastRun {
    /// The operation as it was when it was run.
    operation: DueOperation,
    has_failed: bool,
    /// The number of runs without progress.
    count: u32,
    until: UnixMillis,
}

impl LastRun {
    /// Whether the run made no progress, given the operation as it is now.
    fn is_without_progress(&self, operation: &DueOperation) -> bool {
        self.has_failed || self.operation == *operation
    }
}

impl Backoff {
    pub(crate) fn len(&self) -> usize {
        self.runs.len()
    }

    /// Remembers a run that has ended.
    pub(crate) fn note(&mut self, operation: DueOperation, has_failed: bool, now: UnixMillis) {
        let last = self.runs.get(&operation.id).filter(|it| it.is_without_progress(&operation));
        let count = last.map_or(0, |it| it.count).saturating_add(1);
        let until = now.plus_ms(backoff_ms(&operation.id, count));
        let id = operation.id.clone();
        self.runs.insert(id, LastRun { operation, has_failed, count, until });
    }

    /// Forgets the operations that are no longer due; those whose run failed not before their wait
    /// is over.
    pub(crate) fn forget_others(&mut self, due: &[DueOperation], now: UnixMillis) {
        let due: FxHashSet<&Key> = due.iter().map(|it| &it.id).collect();
        self.runs.retain(|id, run| due.contains(id) || (run.has_failed && now < run.until));
    }

    /// Whether the operation may be run now.
    pub(crate) fn allows(&self, operation: &DueOperation, now: UnixMillis) -> bool {
        match self.runs.get(&operation.id) {
            Some(last) => now >= last.until || !last.is_without_progress(operation),
            None => self.runs.len() < REMEMBERED_MAX,
        }
    }
}
