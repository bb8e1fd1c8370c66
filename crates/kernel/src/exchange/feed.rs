//! The feed of a partition: its public events in the order of the log.

use serde_json::value::RawValue;

use crate::bus::sending::Bus;
use crate::model::envelope::{Committed, Envelope};
use crate::model::outcome::Failure;
use crate::ports::log::{LogStore, StoreError};
use crate::ports::public_record::PublicRecord;
use crate::views::log_schema::LogSchema;

/// Events of the log read per batch.
const WINDOW_EVENTS: u64 = 1_000;

impl Bus {
    /// The public events of a partition after the sequence number `after`, oldest first, at most
    /// `limit`.
    ///
    /// # Errors
    /// When there is no such service or partition, or the storage cannot be read.
    pub fn feed(
        &self,
        service: &str,
        partition: usize,
        after: u64,
        limit: usize,
    ) -> Result<Vec<PublicRecord>, Failure> {
        let at = self.partition(service, partition)?;
        let (log_id, log) = (at.log_id.as_str(), at.log.as_ref());
        let feed = Feed { schema: &at.schema, log, log_id, partition };
        Ok(feed.read(after, at.projector.head(), limit)?)
    }
}

/// Reads the public events of one partition.
pub(crate) struct Feed<'a> {
    pub(crate) schema: &'a LogSchema,
    pub(crate) log: &'a dyn LogStore,
    pub(crate) log_id: &'a str,
    pub(crate) partition: usize,
}

/// A position in a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FeedPosition {
    /// The feed was read through this sequence number.
    pub(crate) through: u64,
    /// The sequence number of the last public event up to there, if it is known.
    pub(crate) previous: Option<u64>,
}

impl Feed<'_> {
    /// The public events with `after < sequence <= head`, oldest first, at most `limit`.
    pub(crate) fn read(
        &self,
        after: u64,
        head: u64,
        limit: usize,
    ) -> Result<Vec<PublicRecord>, StoreError> {
        Ok(self.read_from(FeedPosition { through: after, previous: None }, head, limit)?.0)
    }

    /// Like [`Feed::read`], but returns the position from which to continue too.
    pub(crate) fn read_from(
        &self,
        from: FeedPosition,
        head: u64,
        limit: usize,
    ) -> Result<(Vec<PublicRecord>, FeedPosition), StoreError> {
        let FeedPosition { through: after, mut previous } = from;
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
                let committed = Committed::read(record, &self.schema.kinds)?;
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
        Ok((found, FeedPosition { through, previous }))
    }

    fn public<'c>(
        &'c self,
        committed: &'c Committed,
    ) -> impl Iterator<Item = (u64, String, &'static str, usize)> + 'c {
        committed.numbered().enumerate().filter_map(|(index, (seq, event))| {
            let mut publications =
                self.schema.publications.iter().filter(|it| it.fact == event.name);
            publications.find_map(|it| Some((seq, (it.run)(seq, event)?, it.event, index)))
        })
    }

    /// The sequence number of the last public event up to `through`; 0 if there is none. Searches
    /// backwards in windows that double in size.
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
                let committed = Committed::read(record, &self.schema.kinds)?;
                let public_events = self.public(&committed).take_while(|it| it.0 <= through);
                last = public_events.last().map_or(last, |it| it.0);
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
            source: format!("/{}/{}", self.schema.service, self.partition),
            name: name.to_owned(),
            at_ms: event.at.0,
            partitionkey: event.key.to_string(),
            sequence,
            previous,
            causationid: event.causation.to_string(),
            correlationid: correlation.unwrap_or_else(|| event.causation.to_string()),
            data: RawValue::from_string(data).expect("serde_json writes JSON"),
        })
    }
}

fn correlation(envelope: &str) -> Result<Option<String>, StoreError> {
    let envelope = Envelope::parse(envelope).map_err(|e| StoreError(e.to_string()))?;
    Ok(envelope.correlation.map(std::borrow::Cow::into_owned))
}
