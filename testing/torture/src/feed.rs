//! A consumer of the feed that lives on when the server does not: what it saw must stay so.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::auditor::Auditor;
use crate::client::Client;
use crate::violation::Checked;

/// So many events are read at a time.
const PAGE: usize = 1_000;

/// What a consumer has seen.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    /// By number: the id and the hash of all bytes.
    seen: BTreeMap<u64, (String, u64)>,
    last: u64,
    /// Events that were read again, with the same bytes.
    pub(crate) read_again: u64,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    sequence: String,
    previous: String,
}

impl Feed {
    /// Goes `back` events and reads on to the end, or until the server is gone.
    pub(crate) async fn follow(&mut self, client: &mut Client, back: usize) -> Checked<bool> {
        let start = self.seen.keys().rev().nth(back).copied().unwrap_or(0);
        let mut after = start;
        loop {
            let path = format!("/v1/feeds/allocation/0?after={after}&limit={PAGE}");
            let Ok(reply) = client.get(&path).await else { return Ok(false) };
            if reply.status != 200 {
                return Ok(false);
            }
            let events: Vec<&RawValue> =
                serde_json::from_slice(&reply.body).map_err(|error| error.to_string())?;
            for raw in &events {
                after = self.hear(raw, after)?;
            }
            if events.len() < PAGE {
                return Ok(true);
            }
        }
    }

    /// Compares what was seen with what the log says that others hear.
    pub(crate) fn compare(&self, auditor: &Auditor) -> Checked<()> {
        let told = auditor.public.iter().map(|(seq, _)| *seq);
        if !told.clone().eq(self.seen.keys().copied()) {
            let (log, feed) = (auditor.public.len(), self.seen.len());
            let missing = told.into_iter().find(|seq| !self.seen.contains_key(seq));
            return Err(format!(
                "the log has {log} public events, the feed {feed}; not in the feed: {missing:?}"
            )
            .into());
        }
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }

    fn hear(&mut self, raw: &RawValue, after: u64) -> Checked<u64> {
        let event: Event = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
        let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{error}: {raw}"));
        let (sequence, previous) = (number(&event.sequence)?, number(&event.previous)?);
        if previous != after {
            return Err(format!("the feed has a gap: {previous} is not {after}: {raw}").into());
        }
        let mut hash = DefaultHasher::new();
        raw.get().hash(&mut hash);
        let now = (event.id, hash.finish());
        match self.seen.get(&sequence) {
            None if sequence < self.last => {
                return Err(format!("the feed had nothing at {sequence}, now {raw}").into());
            }
            None => {
                self.seen.insert(sequence, now);
            }
            Some(before) if *before == now => self.read_again += 1,
            Some(_) => return Err(format!("one number, two payloads: now {raw}").into()),
        }
        self.last = self.last.max(sequence);
        Ok(sequence)
    }
}
