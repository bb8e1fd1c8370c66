//! Copies of the writer's aggregates for snapshots, so that they need not be loaded from disk.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use crate::model::aggregate::AnyRecorder;
use crate::model::kinds::KindIndex;
use crate::model::message::Key;

type Id = (KindIndex, Key);

/// An aggregate as of a sequence number of the log.
pub(crate) struct RecorderCopy {
    pub(crate) through_seq: u64,
    pub(crate) recorder: Box<dyn AnyRecorder>,
}

/// The flusher's requests for copies, and the copies that the writer has provided.
#[derive(Default)]
pub(crate) struct CopyRequests {
    has_requests: AtomicBool,
    requested: Mutex<Vec<Id>>,
    /// `None` if the writer does not have the aggregate in memory.
    copies: Mutex<FxHashMap<Id, Option<RecorderCopy>>>,
}

/// The state of a request.
pub(crate) enum CopyState {
    Ready(RecorderCopy),
    /// The writer does not have it; it must be loaded from disk.
    NotInMemory,
    /// The writer has not responded yet, or its copy is too new for this flush.
    Pending,
}

impl CopyRequests {
    /// Takes the copy of an aggregate if there is one that is not newer than `through_seq`.
    /// Requests it if it was not requested yet.
    pub(crate) fn take(&self, id: &Id, through_seq: u64) -> CopyState {
        let mut copies = lock(&self.copies);
        match copies.remove(id) {
            Some(Some(copied)) if copied.through_seq <= through_seq => CopyState::Ready(copied),
            Some(Some(newer)) => {
                copies.insert(id.clone(), Some(newer));
                CopyState::Pending
            }
            Some(None) => CopyState::NotInMemory,
            None => {
                let mut requested = lock(&self.requested);
                if !requested.contains(id) {
                    requested.push(id.clone());
                    self.has_requests.store(true, Ordering::Release);
                }
                CopyState::Pending
            }
        }
    }

    /// Provides the requested copies. Called by the writer between groups: the log ends at
    /// `through_seq`, and the writer's memory reflects exactly that.
    pub(crate) fn provide(
        &self,
        through_seq: u64,
        mut copy: impl FnMut(&Id) -> Option<Box<dyn AnyRecorder>>,
    ) {
        if !self.has_requests.swap(false, Ordering::AcqRel) {
            return;
        }
        let requested = std::mem::take(&mut *lock(&self.requested));
        let mut copies = lock(&self.copies);
        for id in requested {
            let copied = copy(&id).map(|recorder| RecorderCopy { through_seq, recorder });
            copies.insert(id, copied);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
