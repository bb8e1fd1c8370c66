//! Copies of the writer's aggregates for snapshots, so that they need not be loaded from disk.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use crate::model::aggregate::AnyRecorder;
use crate::model::kinds::KindIndex;
use crate::model::message::Key;

type Id = (KindIndex, Key);

/// An aggregate as of a sequence number of the log.
pub(crate) struct Copied {
    pub(crate) through_seq: u64,
    pub(crate) recorder: Box<dyn AnyRecorder>,
}

/// The flusher's requests for copies, and the copies that the writer has provided.
#[derive(Default)]
pub(crate) struct Copies {
    is_asked: AtomicBool,
    asked: Mutex<Vec<Id>>,
    /// `None` if the writer does not have the aggregate in memory.
    given: Mutex<FxHashMap<Id, Option<Copied>>>,
}

/// The state of a request.
pub(crate) enum Given {
    Copy(Copied),
    /// The writer does not have it; it must be loaded from disk.
    NotThere,
    /// The writer has not responded yet, or its copy is too new for this flush.
    Waiting,
}

impl Copies {
    /// Takes the copy of an aggregate if there is one that is not newer than `through_seq`. Requests
    /// it if it was not requested yet.
    pub(crate) fn take(&self, id: &Id, through_seq: u64) -> Given {
        let mut given = lock(&self.given);
        match given.remove(id) {
            Some(Some(copied)) if copied.through_seq <= through_seq => Given::Copy(copied),
            Some(Some(newer)) => {
                given.insert(id.clone(), Some(newer));
                Given::Waiting
            }
            Some(None) => Given::NotThere,
            None => {
                let mut asked = lock(&self.asked);
                if !asked.contains(id) {
                    asked.push(id.clone());
                    self.is_asked.store(true, Ordering::Release);
                }
                Given::Waiting
            }
        }
    }

    /// Provides the requested copies. Called by the writer between groups: the log ends at
    /// `through_seq`, and the writer's memory reflects exactly that.
    pub(crate) fn give(
        &self,
        through_seq: u64,
        mut copy: impl FnMut(&Id) -> Option<Box<dyn AnyRecorder>>,
    ) {
        if !self.is_asked.swap(false, Ordering::AcqRel) {
            return;
        }
        let asked = std::mem::take(&mut *lock(&self.asked));
        let mut given = lock(&self.given);
        for id in asked {
            let copied = copy(&id).map(|recorder| Copied { through_seq, recorder });
            given.insert(id, copied);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
