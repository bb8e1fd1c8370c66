//! A consumer of the feed that outlives servers: events that it has read must never change.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::auditor::Auditor;
use crate::client::Client;
use crate::violation::Checked;

/// Events read per request.
const PAGE: usize = 1_000;

/// The events read so far.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    /// Id and hash of all bytes, by sequence.
    events: BTreeMap<u64, (String, u64)>,
    last: u64,
    /// Number of events read again, with the same bytes.
    pub(crate) repeated: u64,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    sequence: String,
    previous: String,
}

impl Feed {
    /// Goes back by `rewind` events and reads to the end. Returns false if the server is gone.
    pub(crate) async fn read(&mut self, client: &mut Client, rewind: usize) -> Checked<bool> {
        let start = self.events.keys().rev().nth(rewind).copied().unwrap_or(0);
        let mut after = start;
        loop {
            let path = format!("/v1/feeds/allocation/0?after={after}&limit={PAGE}");
            let Ok(response) = client.get(&path).await else { return Ok(false) };
            if response.status != 200 {
                return Ok(false);
            }
            let events: Vec<&RawValue> =
                serde_json::from_slice(&response.body).map_err(|error| error.to_string())?;
            for raw in &events {
                after = self.add(raw, after)?;
            }
            if events.len() < PAGE {
                return Ok(true);
            }
        }
    }

    /// Compares the events read with the public events of the log.
    pub(crate) fn compare(&self, auditor: &Auditor) -> Checked<()> {
        let expected = auditor.public.iter().map(|(seq, _)| *seq);
        if !expected.clone().eq(self.events.keys().copied()) {
            let (log, feed) = (auditor.public.len(), self.events.len());
            let missing = expected.into_iter().find(|seq| !self.events.contains_key(seq));
            return Err(format!(
                "the log has {log} public events, the feed {feed}; first one missing: {missing:?}"
            )
            .into());
        }
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    fn add(&mut self, raw: &RawValue, after: u64) -> Checked<u64> {
        let event: Event = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
        let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{error}: {raw}"));
        let (sequence, previous) = (number(&event.sequence)?, number(&event.previous)?);
        if previous != after {
            return Err(
                format!("the feed has a gap: previous is {previous}, not {after}: {raw}").into()
            );
        }
        let mut hash = DefaultHasher::new();
        raw.get().hash(&mut hash);
        let now = (event.id, hash.finish());
        match self.events.get(&sequence) {
            None if sequence < self.last => {
                return Err(format!("the feed had no event {sequence} before, now {raw}").into());
            }
            None => {
                self.events.insert(sequence, now);
            }
            Some(before) if *before == now => self.repeated += 1,
            Some(_) => return Err(format!("an event has changed: now {raw}").into()),
        }
        self.last = self.last.max(sequence);
        Ok(sequence)
    }
}
