//! Streams: the events of each aggregate by key, for loading, history and time travel.
//!
//! Flushing copies each aggregate's events from the log to a table that is ordered by key.
//! Snapshots limit how many of these events must be read to load an aggregate.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::aggregate::AnyRecorder;
use crate::model::envelope::{Committed, Envelope};
use crate::model::kinds::{KindIndex, Kinds};
use crate::model::message::Key;
use crate::ports::clock::UnixMillis;
use crate::ports::log::StoreError;
use crate::ports::rows::{KeyRange, RowStore};

pub(crate) use crate::views::frozen_streams::FrozenStreams;

/// Rows of a stream read per query.
const PAGE_ROWS: usize = 256;
/// An aggregate with fewer events than this between two flushes is not counted for snapshots. If
/// it accumulates many events, loading it notices.
const COUNTED_EVENTS_MIN: u64 = 32;
/// Budget of one flush for snapshots, in events of the snapshotted aggregates (at least one
/// aggregate is snapshotted). It spreads the snapshots of aggregates that grow at the same rate.
const SNAPSHOT_EVENTS_MAX: u64 = 65_536;
/// Separates the aggregate's key from the sequence number of the row's first event.
const SEPARATOR: char = '\u{1f}';

pub(super) type Id = (KindIndex, Key);
/// An event: its record, and its index there.
pub(super) type Entry = (Arc<Committed>, usize);
pub(super) type Events = Vec<Entry>;
pub(super) type Entries = FxHashMap<Id, Events>;

/// The streams of a partition: unflushed events in memory, the rest on disk.
pub(crate) struct Streams {
    kinds: Arc<Kinds>,
    disk: Arc<dyn RowStore>,
    active: Entries,
    frozen: Arc<Entries>,
    /// The frozen or flushed events since the last snapshot, and the number after which the next
    /// snapshot is due.
    since_snapshot: FxHashMap<Id, (u64, u64)>,
    /// Aggregates for which a snapshot is due because loading them took many events.
    long_streams: Mutex<FxHashSet<Id>>,
    snapshot_after_min: u64,
    /// The sequence number through which the streams reflect the log.
    applied: u64,
}

/// The events of one aggregate as of one point of the log, readable without holding a lock.
pub(crate) struct Stream {
    pub(super) kinds: Arc<Kinds>,
    pub(super) disk: Arc<dyn RowStore>,
    pub(super) kind: KindIndex,
    pub(super) key: Key,
    /// The events that were not flushed at that point.
    pub(super) memory: Events,
}

/// A loaded aggregate.
pub(crate) struct Loaded {
    pub(crate) recorder: Box<dyn AnyRecorder>,
    /// The number of events folded on top of the snapshot.
    folded: u64,
    /// The version in the snapshot; 0 if there is none.
    snapshot_version: u64,
}

/// One event of a stream, with its envelope as JSON.
pub(crate) struct StreamEvent {
    pub(crate) seq: u64,
    pub(crate) at: UnixMillis,
    pub(crate) envelope: String,
}

/// Written as the array `[seq,at,event]`, so the order of the fields matters. Rows of earlier
/// versions are objects with these field names; both forms can be read.
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
    pub(crate) fn new(
        kinds: Arc<Kinds>,
        disk: Arc<dyn RowStore>,
        snapshot_after_min: u64,
        applied: u64,
    ) -> Self {
        Self {
            kinds,
            disk,
            applied,
            active: Entries::default(),
            frozen: Arc::default(),
            since_snapshot: FxHashMap::default(),
            long_streams: Mutex::default(),
            snapshot_after_min,
        }
    }

    /// Adds the events of a record that are not applied yet.
    pub(crate) fn apply(&mut self, record: &Arc<Committed>) {
        for (index, (seq, event)) in record.numbered().enumerate() {
            if seq > self.applied && event.kind != KindIndex::KERNEL {
                let id = (event.kind, event.key.clone());
                self.active.entry(id).or_default().push((Arc::clone(record), index));
            }
        }
        self.applied = self.applied.max(record.last_seq());
    }

    pub(crate) fn applied(&self) -> u64 {
        self.applied
    }

    /// Freezes the events in memory for flushing, and counts them towards the next snapshots.
    pub(crate) fn freeze(&mut self) {
        let due = (0, self.snapshot_after_min);
        self.active.iter().for_each(|(id, events)| {
            let count = events.len() as u64;
            if count >= COUNTED_EVENTS_MIN.min(self.snapshot_after_min) {
                self.since_snapshot.entry(id.clone()).or_insert(due).0 += count;
            } else if let Some(since) = self.since_snapshot.get_mut(id) {
                since.0 += count;
            }
        });
        self.frozen = Arc::new(std::mem::take(&mut self.active));
    }

    pub(crate) fn mark_flushed(&mut self, snapshots: &[(Id, u64)]) {
        self.frozen = Arc::default();
        let mut long_streams = self.long_streams.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, version) in snapshots {
            long_streams.remove(id);
            let due = self.snapshot_after_min.max(version / 2);
            self.since_snapshot.insert(id.clone(), (0, due));
        }
        self.since_snapshot.retain(|_, (count, due)| {
            *count >= COUNTED_EVENTS_MIN || *due > self.snapshot_after_min
        });
    }

    pub(crate) fn frozen(&self) -> FrozenStreams {
        let due = self.since_snapshot.iter().filter(|(_, (count, at))| count >= at);
        // A snapshot that exceeds the budget is due again at the next flush.
        let mut budget = SNAPSHOT_EVENTS_MAX;
        let due = due.take_while(|(_, (count, at))| {
            let fits = budget > 0;
            budget = budget.saturating_sub(count + 2 * at);
            fits
        });
        let mut due: FxHashSet<Id> = due.map(|(id, _)| id.clone()).collect();
        due.extend(
            self.long_streams.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned(),
        );
        FrozenStreams {
            kinds: Arc::clone(&self.kinds),
            disk: Arc::clone(&self.disk),
            entries: Arc::clone(&self.frozen),
            due: due.into_iter().collect(),
        }
    }

    /// The stream of an aggregate as of now.
    pub(crate) fn stream(&self, kind: KindIndex, key: &Key) -> Stream {
        let id = (kind, key.clone());
        let memory = self.frozen.get(&id).into_iter().chain(self.active.get(&id)).flatten();
        let (kinds, disk) = (Arc::clone(&self.kinds), Arc::clone(&self.disk));
        Stream { kinds, disk, kind, key: id.1.clone(), memory: memory.cloned().collect() }
    }

    /// Loads an aggregate from its snapshot and the events since.
    pub(crate) fn load(
        &self,
        kind: KindIndex,
        key: &Key,
    ) -> Result<Box<dyn AnyRecorder>, StoreError> {
        let loaded = self.stream(kind, key).load(u64::MAX)?;
        if loaded.folded >= self.snapshot_after_min.max(loaded.snapshot_version / 2) {
            let mut long_streams = self.long_streams.lock().unwrap_or_else(PoisonError::into_inner);
            long_streams.insert((kind, key.clone()));
        }
        Ok(loaded.recorder)
    }
}

impl Stream {
    /// The aggregate as it was after the event with the sequence number `through`.
    pub(crate) fn load(&self, through: u64) -> Result<Loaded, StoreError> {
        let kind = self.kinds.get(self.kind);
        let stored = self.disk.row(&snapshot_table(kind.name), &self.key)?;
        let unreadable = |e: serde_json::Error| {
            StoreError(format!("the snapshot of {} {:?} cannot be read: {e}", kind.name, self.key))
        };
        let snapshot: Option<Snapshot<'_>> =
            stored.as_deref().map(serde_json::from_str).transpose().map_err(unreadable)?;
        let snapshot = snapshot.filter(|it| it.through_seq <= through);
        let state = snapshot.as_ref().map(|it| (it.version, it.state.get()));
        let mut recorder = kind.restore(&self.key, state)?;
        let snapshot_version = state.map_or(0, |(version, _)| version);
        let (mut seq, mut folded) = (snapshot.map_or(0, |it| it.through_seq), 0);
        self.each_stored(seq, |event| {
            if event.seq > through {
                return Ok(false);
            }
            let envelope = event.event.get();
            let (_, _, fact) = self.kinds.decode(kind.name, envelope).map_err(StoreError)?;
            recorder.fold_any(fact.as_any());
            (seq, folded) = (event.seq, folded + 1);
            Ok(true)
        })?;
        for (record, index) in &self.memory {
            let event_seq = record.seq(*index);
            if event_seq > seq && event_seq <= through {
                recorder.fold_any(record.events[*index].event.as_any());
                folded += 1;
            }
        }
        Ok(Loaded { recorder, folded, snapshot_version })
    }

    /// The events after the sequence number `after`, oldest first, at most `limit`.
    pub(crate) fn events(&self, after: u64, limit: usize) -> Result<Vec<StreamEvent>, StoreError> {
        let mut events = Vec::new();
        self.each_stored(after, |it| {
            if events.len() < limit {
                let envelope = it.event.get().to_owned();
                events.push(StreamEvent { seq: it.seq, at: UnixMillis(it.at), envelope });
            }
            Ok(events.len() < limit)
        })?;
        let flushed = events.last().map_or(after, |event| event.seq);
        for (record, index) in &self.memory {
            let seq = record.seq(*index);
            if events.len() >= limit {
                break;
            }
            if seq > flushed {
                let at = record.events[*index].at;
                events.push(StreamEvent { seq, at, envelope: record.envelope(*index).to_owned() });
            }
        }
        Ok(events)
    }

    /// Calls `visit` for each flushed event after `after`, oldest first, until it returns `false`.
    fn each_stored(
        &self,
        after: u64,
        mut visit: impl FnMut(StoredEvent<'_>) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let table = stream_table(self.kinds.get(self.kind).name);
        let mut from = stream_key(&self.key, 0);
        if after > 0 {
            // The row that holds `after + 1` may begin with an earlier event.
            let below = Some(stream_key(&self.key, after.saturating_add(1)) + "\u{1}");
            let range = KeyRange { from: from.clone(), below, limit: 1, backwards: true };
            if let Some((row_key, _)) = self.disk.rows(&table, &range)?.pop() {
                from = row_key;
            }
        }
        let below = Some(format!("{}{SEPARATOR}~", self.key));
        loop {
            let (limit, below) = (PAGE_ROWS, below.clone());
            let rows =
                self.disk.rows(&table, &KeyRange { from, below, limit, backwards: false })?;
            for (row_key, text) in &rows {
                let stored: Vec<StoredEvent<'_>> = serde_json::from_str(text).map_err(|e| {
                    StoreError(format!("the row {row_key:?} of {table} cannot be read: {e}"))
                })?;
                for event in stored.into_iter().filter(|it| it.seq > after) {
                    if !visit(event)? {
                        return Ok(());
                    }
                }
            }
            let is_last = rows.len() < PAGE_ROWS;
            match rows.into_iter().next_back() {
                Some((last, _)) if !is_last => from = last + "\u{1}",
                _ => return Ok(()),
            }
        }
    }
}

/// The id of the command that caused the event with this envelope.
pub(crate) fn causation(envelope: &str) -> Result<uuid::Uuid, StoreError> {
    let envelope = Envelope::parse(envelope).map_err(|e| StoreError(e.to_string()))?;
    Ok(envelope.causation)
}

pub(super) fn stream_table(kind: &str) -> String {
    format!("stream_{kind}")
}

pub(super) fn snapshot_table(kind: &str) -> String {
    format!("snapshot_{kind}")
}

fn stream_key(key: &str, first_seq: u64) -> String {
    let mut text = String::new();
    push_stream_key(&mut text, key, first_seq);
    text
}

pub(super) fn push_stream_key(text: &mut String, key: &str, first_seq: u64) {
    text.push_str(key);
    text.push(SEPARATOR);
    write!(text, "{first_seq:016x}").expect("writing to a string cannot fail");
}
