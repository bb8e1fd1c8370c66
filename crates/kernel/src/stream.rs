//! The events of one aggregate, found by its key: for loading it, for its history, for time travel.
//!
//! Beside the log, settled batches of each aggregate's events stand in a table by key; now and then
//! a snapshot makes what came before unnecessary for loading.

use std::fmt::Write;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::aggregate::AnyRecorder;
use crate::clock::Now;
use crate::envelope::{Committed, Envelope};
use crate::kinds::{KindIndex, Kinds};
use crate::log::StoreError;
use crate::message::Key;
use crate::rows::{KeyRange, RowChange, RowStore};

/// So many rows of a stream are read at a time.
const PAGE: usize = 256;
/// Between the key of an aggregate and the number of the first event of a row.
const SEPARATOR: char = '\u{1f}';

type Entries = FxHashMap<(KindIndex, Key), Vec<(Arc<Committed>, usize)>>;

/// The streams of a partition: what is not settled yet in memory, the rest on disk.
pub(crate) struct Streams {
    kinds: Arc<Kinds>,
    disk: Arc<dyn RowStore>,
    active: Entries,
    frozen: Arc<Entries>,
    /// Events since the last snapshot, and after how many the next is due.
    since_snapshot: FxHashMap<(KindIndex, Key), (u64, u64)>,
    snapshot_after_min: u64,
}

/// One event of a stream, as JSON.
pub(crate) struct StreamEvent {
    pub(crate) seq: u64,
    pub(crate) at: Now,
    pub(crate) envelope: String,
}

#[derive(Deserialize)]
struct StoredEvent<'a> {
    seq: u64,
    at: i64,
    #[serde(borrow)]
    event: &'a RawValue,
}

#[derive(Deserialize)]
struct Snapshot<'a> {
    through_seq: u64,
    version: u64,
    #[serde(borrow)]
    state: &'a RawValue,
}

impl Streams {
    pub(crate) fn new(kinds: Arc<Kinds>, disk: Arc<dyn RowStore>, snapshot_after_min: u64) -> Self {
        let (active, frozen) = (Entries::default(), Arc::default());
        let since_snapshot = FxHashMap::default();
        Self { kinds, disk, active, frozen, since_snapshot, snapshot_after_min }
    }

    pub(crate) fn add(&mut self, record: &Arc<Committed>, index: usize) {
        let event = &record.events[index];
        let id = (event.kind, event.key.clone());
        let due = self.since_snapshot.entry(id.clone()).or_insert((0, self.snapshot_after_min));
        due.0 += 1;
        self.active.entry(id).or_default().push((Arc::clone(record), index));
    }

    pub(crate) fn freeze(&mut self) {
        self.frozen = Arc::new(std::mem::take(&mut self.active));
    }

    pub(crate) fn thaw(&mut self) {
        self.frozen = Arc::default();
    }

    pub(crate) fn frozen(&self) -> FrozenStreams {
        FrozenStreams { kinds: Arc::clone(&self.kinds), entries: Arc::clone(&self.frozen) }
    }

    /// Loads an aggregate as the log has it: its snapshot, and the events since.
    pub(crate) fn load(
        &self,
        kind: KindIndex,
        key: &Key,
    ) -> Result<Box<dyn AnyRecorder>, StoreError> {
        self.load_at(kind, key, u64::MAX)
    }

    /// The aggregate as it was when the event `through` had happened.
    pub(crate) fn load_at(
        &self,
        kind: KindIndex,
        key: &Key,
        through: u64,
    ) -> Result<Box<dyn AnyRecorder>, StoreError> {
        let memory = self.frozen.get(&(kind, key.clone())).into_iter();
        let memory = memory.chain(self.active.get(&(kind, key.clone())));
        self.fold(kind, key, memory.flatten(), through)
    }

    fn fold<'a>(
        &self,
        kind: KindIndex,
        key: &Key,
        memory: impl Iterator<Item = &'a (Arc<Committed>, usize)>,
        through: u64,
    ) -> Result<Box<dyn AnyRecorder>, StoreError> {
        let of = self.kinds.get(kind);
        let stored = self.disk.row(&snapshot_table(of.name), key)?;
        let unreadable = |e: serde_json::Error| {
            StoreError(format!("the snapshot of {} {key:?} cannot be read: {e}", of.name))
        };
        let snapshot: Option<Snapshot<'_>> =
            stored.as_deref().map(serde_json::from_str).transpose().map_err(unreadable)?;
        let snapshot = snapshot.filter(|it| it.through_seq <= through);
        let mut recorder =
            of.restore(key, snapshot.as_ref().map(|it| (it.version, it.state.get())))?;
        let mut seq = snapshot.map_or(0, |it| it.through_seq);
        while seq < through {
            let page = self.stored(of.name, key, seq, PAGE)?;
            let Some(last) = page.last() else { break };
            let last = last.seq;
            for event in page.into_iter().filter(|event| event.seq <= through) {
                self.fold_json(recorder.as_mut(), kind, &event.envelope)?;
            }
            seq = last;
        }
        for (record, index) in memory {
            let event_seq = record.first_seq + *index as u64;
            if event_seq > seq && event_seq <= through {
                recorder.fold_any(record.events[*index].event.as_any());
            }
        }
        Ok(recorder)
    }

    fn fold_json(
        &self,
        recorder: &mut dyn AnyRecorder,
        kind: KindIndex,
        envelope: &str,
    ) -> Result<(), StoreError> {
        let of = self.kinds.get(kind).name;
        let (_, _, event) = self.kinds.decode(of, envelope).map_err(StoreError)?;
        recorder.fold_any(event.as_any());
        Ok(())
    }

    /// The events of an aggregate after `after`, oldest first, at most `limit`.
    pub(crate) fn events(
        &self,
        kind: KindIndex,
        key: &Key,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StreamEvent>, StoreError> {
        let mut events = self.stored(self.kinds.get(kind).name, key, after, limit)?;
        let id = (kind, key.clone());
        let memory = self.frozen.get(&id).into_iter().chain(self.active.get(&id)).flatten();
        let settled = events.last().map_or(after, |event| event.seq);
        for (record, index) in memory {
            let seq = record.first_seq + *index as u64;
            if events.len() >= limit {
                break;
            }
            if seq > settled {
                let at = record.events[*index].at;
                events.push(StreamEvent { seq, at, envelope: record.envelope(*index).to_owned() });
            }
        }
        Ok(events)
    }

    /// The settled events after `after`: up to `limit`, whole rows beyond it cut.
    fn stored(
        &self,
        of: &str,
        key: &Key,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StreamEvent>, StoreError> {
        let table = stream_table(of);
        // The row that holds `after + 1` may begin before it.
        let begin = stream_key(key, 0);
        let below = stream_key(key, after.saturating_add(1)) + "\u{1}";
        let range = KeyRange { from: begin.clone(), below: Some(below), limit: 1, backwards: true };
        let first = self.disk.rows(&table, &range)?;
        let from = first.into_iter().next().map_or(begin, |(row_key, _)| row_key);
        let below = Some(format!("{key}{SEPARATOR}~"));
        let range = KeyRange { from, below, limit: limit.saturating_add(1), backwards: false };
        let mut events = Vec::new();
        for (row_key, text) in self.disk.rows(&table, &range)? {
            let stored: Vec<StoredEvent<'_>> = serde_json::from_str(&text).map_err(|e| {
                StoreError(format!("the row {row_key:?} of {table} cannot be read: {e}"))
            })?;
            let wanted = stored.into_iter().filter(|it| it.seq > after);
            events.extend(wanted.map(|it| StreamEvent {
                seq: it.seq,
                at: Now(it.at),
                envelope: it.event.get().to_owned(),
            }));
            if events.len() >= limit {
                events.truncate(limit);
                break;
            }
        }
        Ok(events)
    }

    /// Snapshots of the aggregates for which one is due, as changed rows a kind. Only what is set
    /// apart
    /// counts: call between `freeze` and `thaw`.
    pub(crate) fn snapshots(
        &mut self,
        through: u64,
    ) -> Result<Vec<(String, Vec<RowChange>)>, StoreError> {
        let due = |(count, at): &(u64, u64)| count >= at;
        let ids: Vec<_> = self
            .since_snapshot
            .iter()
            .filter(|(_, it)| due(it))
            .map(|(id, _)| id.clone())
            .collect();
        let mut tables: FxHashMap<KindIndex, Vec<RowChange>> = FxHashMap::default();
        for id in ids {
            let memory = self.frozen.get(&id).into_iter().flatten();
            let recorder = self.fold(id.0, &id.1, memory, through)?;
            let (version, state) = recorder.snapshot().map_err(|e| StoreError(e.to_string()))?;
            let value =
                format!(r#"{{"through_seq":{through},"version":{version},"state":{state}}}"#);
            let change = RowChange { key: id.1.to_string(), value: Some(value) };
            tables.entry(id.0).or_default().push(change);
            let pending = self.active.get(&id).map_or(0, Vec::len) as u64;
            self.since_snapshot.insert(id, (pending, self.snapshot_after_min.max(version / 2)));
        }
        let named = |(kind, mut rows): (KindIndex, Vec<RowChange>)| {
            rows.sort_unstable_by(|a, b| a.key.cmp(&b.key));
            (snapshot_table(self.kinds.get(kind).name), rows)
        };
        Ok(tables.into_iter().map(named).collect())
    }
}

/// Stream entries set apart, to be written without a lock.
pub(crate) struct FrozenStreams {
    kinds: Arc<Kinds>,
    entries: Arc<Entries>,
}

impl FrozenStreams {
    pub(crate) fn tables(&self) -> Vec<(String, Vec<RowChange>)> {
        let table = |(kind, of): (KindIndex, &crate::kinds::Kind)| {
            let entries = self.entries.iter().filter(|((of_kind, _), _)| *of_kind == kind);
            let mut rows: Vec<_> = entries.map(|((_, key), events)| row(key, events)).collect();
            rows.sort_unstable_by(|a, b| a.key.cmp(&b.key));
            (stream_table(of.name), rows)
        };
        self.kinds.aggregates().map(table).collect()
    }
}

fn row(key: &Key, events: &[(Arc<Committed>, usize)]) -> RowChange {
    let mut value = String::from("[");
    for (record, index) in events {
        let (seq, at) = (record.first_seq + *index as u64, record.events[*index].at.0);
        let comma = if value.len() > 1 { "," } else { "" };
        let envelope = record.envelope(*index);
        write!(value, r#"{comma}{{"seq":{seq},"at":{at},"event":{envelope}}}"#)
            .expect("writing to a string");
    }
    value.push(']');
    let first = events.first().map_or(0, |(record, index)| record.first_seq + *index as u64);
    RowChange { key: stream_key(key, first), value: Some(value) }
}

/// The id of the command that caused an event.
pub(crate) fn causation(envelope: &str) -> Result<uuid::Uuid, StoreError> {
    let envelope = Envelope::parse(envelope).map_err(|e| StoreError(e.to_string()))?;
    Ok(envelope.causation)
}

fn stream_table(of: &str) -> String {
    format!("stream_{of}")
}

fn snapshot_table(of: &str) -> String {
    format!("snapshot_{of}")
}

fn stream_key(key: &str, first_seq: u64) -> String {
    format!("{key}{SEPARATOR}{first_seq:016x}")
}
