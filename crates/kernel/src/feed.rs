//! Public events as others read them: CloudEvents 1.0 with the log's number as `sequence`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::envelope::{Committed, Envelope};
use crate::log::{LogStore, StoreError};
use crate::service::Service;

/// So many events of the log are read at a time.
const WINDOW_EVENTS: u64 = 1_000;

/// A public event, as CloudEvents 1.0 (JSON format) has it, with three extension attributes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PublicRecord {
    /// Always `1.0`.
    pub specversion: String,
    /// Unique and stable: the log's id, the partition and the number.
    pub id: String,
    /// `/service/partition`.
    pub source: String,
    /// The event's wire name.
    #[serde(rename = "type")]
    pub name: String,
    /// When it was decided, milliseconds since the epoch; the edge writes it as RFC 3339.
    #[serde(rename = "time_ms")]
    pub at_ms: i64,
    /// The key of the aggregate.
    pub partitionkey: String,
    /// The event's number in its partition.
    pub sequence: u64,
    /// The number of the public event before it; 0 when it is the first. A consumer that has seen
    /// another last one has missed something.
    pub previous: u64,
    /// The id of the command that caused it.
    pub causationid: String,
    /// What it belongs to: what the first command of a chain said, or its id.
    pub correlationid: String,
    /// What happened.
    pub data: Box<RawValue>,
}

impl PublicRecord {
    /// The event as it is sent: CloudEvents 1.0 in its JSON format. The same event always gives the
    /// same bytes. `sequence` and `previous` are texts, for CloudEvents' own whole numbers end at
    /// 2^31.
    #[must_use]
    pub fn cloud_event(&self) -> String {
        let time = Timestamp::from_millisecond(self.at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
        let event = CloudEvent {
            specversion: &self.specversion,
            id: &self.id,
            source: &self.source,
            name: &self.name,
            time: time.to_string(),
            datacontenttype: "application/json",
            partitionkey: &self.partitionkey,
            sequence: self.sequence.to_string(),
            previous: self.previous.to_string(),
            causationid: &self.causationid,
            correlationid: &self.correlationid,
            data: &self.data,
        };
        serde_json::to_string(&event).expect("events are plain data")
    }
}

/// The attributes in the order in which they are written.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'a str,
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    name: &'a str,
    time: String,
    datacontenttype: &'static str,
    partitionkey: &'a str,
    sequence: String,
    previous: String,
    causationid: &'a str,
    correlationid: &'a str,
    data: &'a RawValue,
}

/// Reads the public events of one partition.
pub(crate) struct Feed<'a> {
    pub(crate) service: &'a Service,
    pub(crate) log: &'a dyn LogStore,
    pub(crate) log_id: &'a str,
    pub(crate) partition: usize,
}

/// How far a feed was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    /// Through this number.
    pub(crate) through: u64,
    /// The number of the last public event up to there, where that is known.
    pub(crate) previous: Option<u64>,
}

impl Feed<'_> {
    /// The public events after `after`, oldest first, at most `limit`, none beyond `head`.
    pub(crate) fn read(
        &self,
        after: u64,
        head: u64,
        limit: usize,
    ) -> Result<Vec<PublicRecord>, StoreError> {
        Ok(self.read_on(Reached { through: after, previous: None }, head, limit)?.0)
    }

    /// The same, for who reads on: says too how far it has read.
    pub(crate) fn read_on(
        &self,
        from: Reached,
        head: u64,
        limit: usize,
    ) -> Result<(Vec<PublicRecord>, Reached), StoreError> {
        let Reached { through: after, mut previous } = from;
        let mut found = Vec::new();
        let mut seen = after;
        while seen < head && found.len() < limit {
            let records = self.log.read_after(seen, WINDOW_EVENTS)?;
            if records.is_empty() {
                break;
            }
            for record in records {
                if found.len() >= limit {
                    break;
                }
                let committed = Committed::read(record, &self.service.kinds)?;
                for (seq, data, name, index) in self.public(&committed) {
                    if seq <= after || seq > head || found.len() >= limit {
                        continue;
                    }
                    let before = match previous {
                        Some(before) => before,
                        None => self.last_public(after)?,
                    };
                    found.push(self.record(&committed, index, seq, before, name, data)?);
                    previous = Some(seq);
                }
                seen = committed.last_seq();
            }
        }
        let through = match found.last() {
            Some(last) if found.len() >= limit => last.sequence,
            _ => seen.min(head).max(after),
        };
        Ok((found, Reached { through, previous }))
    }

    fn public<'c>(
        &'c self,
        committed: &'c Committed,
    ) -> impl Iterator<Item = (u64, String, &'static str, usize)> + 'c {
        committed.numbered().enumerate().filter_map(|(index, (seq, event))| {
            let mut told = self.service.publications.iter().filter(|it| it.fact == event.name);
            told.find_map(|it| Some((seq, (it.run)(seq, event)?, it.event, index)))
        })
    }

    /// The number of the last public event up to `through`; 0 when there is none.
    fn last_public(&self, through: u64) -> Result<u64, StoreError> {
        let (mut below, mut window) = (through, 64);
        while below > 0 {
            let from = below.saturating_sub(window);
            let mut last = 0;
            let mut seen = from;
            while seen < below {
                let Some(record) = self.log.read_after(seen, 1)?.into_iter().next() else {
                    break;
                };
                let committed = Committed::read(record, &self.service.kinds)?;
                let upto = self.public(&committed).take_while(|it| it.0 <= through);
                last = upto.last().map_or(last, |it| it.0);
                seen = committed.last_seq();
            }
            if last > 0 {
                return Ok(last);
            }
            (below, window) = (from, window * 2);
        }
        Ok(0)
    }

    fn record(
        &self,
        committed: &Committed,
        index: usize,
        sequence: u64,
        previous: u64,
        name: &str,
        data: String,
    ) -> Result<PublicRecord, StoreError> {
        let event = &committed.events[index];
        let correlation = correlation(committed.envelope(index))?;
        Ok(PublicRecord {
            specversion: "1.0".into(),
            id: format!("{}-{}-{sequence}", self.log_id, self.partition),
            source: format!("/{}/{}", self.service.name, self.partition),
            name: name.to_owned(),
            at_ms: event.at.0,
            partitionkey: event.key.to_string(),
            sequence,
            previous,
            causationid: event.causation.to_string(),
            correlationid: correlation.unwrap_or_else(|| event.causation.to_string()),
            data: RawValue::from_string(data).expect("a publication writes JSON"),
        })
    }
}

fn correlation(envelope: &str) -> Result<Option<String>, StoreError> {
    let envelope = Envelope::parse(envelope).map_err(|e| StoreError(e.to_string()))?;
    Ok(envelope.correlation.map(std::borrow::Cow::into_owned))
}
