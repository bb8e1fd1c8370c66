//! The writer's cache of aggregates.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::model::aggregate::AnyRecorder;
use crate::model::envelope::Group;
use crate::model::kinds::KindIndex;
use crate::model::message::Key;
use crate::ports::clock::Stopwatch;
use crate::ports::log::StoreError;
use crate::views::projector::Projector;

/// Aggregates that were used in this many latest groups are not evicted.
const RECENT_GROUPS: u64 = 64;

pub(crate) type Id = (KindIndex, Key);

/// An aggregate, and the number of the last group that used it.
struct Cached {
    recorder: Box<dyn AnyRecorder>,
    group: u64,
}

/// The recently used aggregates.
pub(super) struct Cache {
    service: &'static str,
    projector: Arc<Projector>,
    entries: FxHashMap<Id, Cached>,
    entries_max: usize,
    /// The number of the current group.
    group: u64,
    /// The number of the last group in which an aggregate was removed.
    removed_in: u64,
}

impl Cache {
    pub(super) fn new(
        service: &'static str,
        projector: Arc<Projector>,
        entries_max: usize,
    ) -> Self {
        let entries = FxHashMap::default();
        Self { service, projector, entries, entries_max, group: 0, removed_in: 0 }
    }

    /// Begins the next group.
    pub(super) fn begin_group(&mut self) {
        self.group += 1;
    }

    /// The aggregate with all events of the log and of the current group; loaded if it is not
    /// cached.
    pub(super) fn load(
        &mut self,
        id: &Id,
        group: &Group,
    ) -> Result<&mut dyn AnyRecorder, StoreError> {
        let cached = match self.entries.entry(id.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let watch = Stopwatch::start();
                let mut recorder = self.projector.load(id.0, &id.1)?;
                metrics::histogram!("earmark_load_seconds", "service" => self.service)
                    .record(watch.seconds());
                // An aggregate that is not cached has events in the current group only if it was
                // removed during this group.
                if self.removed_in == self.group {
                    let own = group.events.iter().filter(|it| it.kind == id.0 && it.key == id.1);
                    own.for_each(|it| recorder.fold_any(it.event.as_any()));
                }
                entry.insert(Cached { recorder, group: 0 })
            }
        };
        cached.group = self.group;
        Ok(cached.recorder.as_mut())
    }

    /// The aggregate, if it is cached.
    pub(super) fn get(&mut self, id: &Id) -> Option<&mut dyn AnyRecorder> {
        let cached = self.entries.get_mut(id)?;
        Some(cached.recorder.as_mut())
    }

    /// Replaces an aggregate by a copy to which further events were applied.
    pub(super) fn replace(&mut self, id: Id, recorder: Box<dyn AnyRecorder>) {
        self.entries.insert(id, Cached { recorder, group: self.group });
    }

    /// Removes an aggregate; the next use loads it again.
    pub(super) fn remove(&mut self, id: &Id) {
        self.entries.remove(id);
        self.removed_in = self.group;
    }

    /// Evicts aggregates that recent groups did not use, if there are too many. Called between
    /// groups.
    pub(super) fn evict(&mut self) {
        if self.entries.len() > self.entries_max {
            let keep_from = self.group.saturating_sub(RECENT_GROUPS);
            self.entries.retain(|_, cached| cached.group >= keep_from);
        }
    }
}
