//! Snapshots are made of what the writer has in memory: an aggregate is loaded from disk for one
//! only where the writer has it no more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use crate::model::aggregate::AnyRecorder;
use crate::model::kinds::KindIndex;
use crate::model::message::Key;

type Id = (KindIndex, Key);

/// An aggregate as it was when the log ended at a number.
pub(crate) struct Copied {
    pub(crate) through_seq: u64,
    pub(crate) recorder: Box<dyn AnyRecorder>,
}

/// What the flusher asks the writer for, and what it got.
#[derive(Default)]
pub(crate) struct Copies {
    is_asked: AtomicBool,
    asked: Mutex<Vec<Id>>,
    /// `None`: the writer has it not.
    given: Mutex<FxHashMap<Id, Option<Copied>>>,
}

/// What became of asking.
pub(crate) enum Given {
    Copy(Copied),
    /// It has to be loaded.
    NotThere,
    /// Not yet.
    Waiting,
}

impl Copies {
    /// Takes the copy of an aggregate that is not newer than `through_seq`. Where nobody asked for
    /// it, asks.
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

    /// Gives the writer's copies of what was asked for. The log ends at `through_seq`, and the
    /// writer's memory has nothing beyond it.
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
