//! Frozen streams that are being flushed: rows of events, and snapshots that are due.

use std::io::Write as _;
use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::model::kinds::{KindIndex, Kinds};
use crate::model::message::Key;
use crate::ports::log::StoreError;
use crate::ports::rows::{Changes, RowStore, ShowRow};
use crate::views::snapshots::{CopyRequests, CopyState, RecorderCopy};
use crate::views::stream::{
    Entries, Entry, Events, Id, Stream, push_stream_key, snapshot_table, stream_table,
};

/// Maximum number of events of an aggregate in one row.
const ROW_EVENTS: usize = 64;

/// Frozen stream entries, which are written without holding a lock.
pub(crate) struct FrozenStreams {
    pub(super) kinds: Arc<Kinds>,
    pub(super) disk: Arc<dyn RowStore>,
    pub(super) entries: Arc<Entries>,
    pub(super) due: Vec<Id>,
}

/// Snapshots of one kind of aggregate, ordered by key.
type Snapshots = Vec<(Key, Option<String>)>;

/// Snapshots by table, and the version of each snapshotted aggregate.
pub(crate) struct SnapshotBatch {
    pub(crate) tables: Vec<(String, Snapshots)>,
    pub(crate) versions: Vec<(Id, u64)>,
}

impl FrozenStreams {
    /// The changes of the stream tables.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (String, StreamRows<'_>)> {
        self.kinds.aggregates().map(|(kind_index, kind)| {
            let entries = self.entries.iter().filter(move |((index, _), _)| *index == kind_index);
            (
                stream_table(kind.name),
                StreamRows::new(entries.map(|((_, key), events)| (key, events))),
            )
        })
    }

    /// Snapshots of the aggregates for which one is due. Those whose copy was requested from the
    /// writer and has not arrived are left for the next flush.
    pub(crate) fn snapshots(
        &self,
        through: u64,
        copy_requests: &CopyRequests,
    ) -> Result<SnapshotBatch, StoreError> {
        let mut tables: FxHashMap<KindIndex, Snapshots> = FxHashMap::default();
        let mut versions = Vec::new();
        for id in &self.due {
            let RecorderCopy { through_seq, recorder } = match copy_requests.take(id, through) {
                CopyState::Ready(copied) => copied,
                CopyState::NotInMemory => self.load(id, through)?,
                CopyState::Pending => continue,
            };
            let (version, state) = recorder.snapshot().map_err(|e| StoreError(e.to_string()))?;
            let value =
                format!(r#"{{"through_seq":{through_seq},"version":{version},"state":{state}}}"#);
            tables.entry(id.0).or_default().push((id.1.clone(), Some(value)));
            versions.push((id.clone(), version));
        }
        let named = |(kind, mut rows): (KindIndex, Snapshots)| {
            rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            (snapshot_table(self.kinds.get(kind).name), rows)
        };
        Ok(SnapshotBatch { tables: tables.into_iter().map(named).collect(), versions })
    }

    fn load(&self, id: &Id, through_seq: u64) -> Result<RecorderCopy, StoreError> {
        let memory = self.entries.get(id).cloned().unwrap_or_default();
        let (kinds, disk) = (Arc::clone(&self.kinds), Arc::clone(&self.disk));
        let stream = Stream { kinds, disk, kind: id.0, key: id.1.clone(), memory };
        Ok(RecorderCopy { through_seq, recorder: stream.load(through_seq)?.recorder })
    }
}

/// The rows of the streams of one kind of aggregate.
pub(crate) struct StreamRows<'e> {
    keys: String,
    /// Ordered by key.
    rows: Vec<StreamRow<'e>>,
}

/// The range of the row's key in [`StreamRows::keys`], and the row's events.
struct StreamRow<'e> {
    key: Range<usize>,
    events: &'e [Entry],
}

impl<'e> StreamRows<'e> {
    fn new(streams: impl Iterator<Item = (&'e Key, &'e Events)>) -> Self {
        let (mut keys, mut rows) = (String::new(), Vec::new());
        for (key, events) in streams {
            for events in events.chunks(ROW_EVENTS) {
                let from = keys.len();
                let first = events.first().map_or(0, |(record, index)| record.seq(*index));
                push_stream_key(&mut keys, key, first);
                rows.push(StreamRow { key: from..keys.len(), events });
            }
        }
        rows.sort_unstable_by(|a, b| keys[a.key.clone()].cmp(&keys[b.key.clone()]));
        Self { keys, rows }
    }
}

impl Changes for StreamRows<'_> {
    fn count(&self) -> usize {
        self.rows.len()
    }
    fn each(&self, show: &mut ShowRow<'_>) -> Result<(), StoreError> {
        let mut text = Vec::new();
        for StreamRow { key, events } in &self.rows {
            text.clear();
            write_row(&mut text, events);
            if show(&self.keys[key.clone()], Some(&text)).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Writes `[[seq,at,envelope],…]`.
fn write_row(text: &mut Vec<u8>, events: &[Entry]) {
    let mut before = b'[';
    for (record, index) in events {
        text.push(before);
        let (seq, at) = (record.seq(*index), record.events[*index].at.0);
        write!(text, "[{seq},{at},").expect("writing to a vector cannot fail");
        text.extend_from_slice(record.envelope(*index).as_bytes());
        text.push(b']');
        before = b',';
    }
    text.push(b']');
}
