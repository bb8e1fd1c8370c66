//! A consumer as other systems should implement it: it stores the last sequence, detects a gap by
//! `previous`, and reads missing events from the feed.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::Client;
use crate::violation::Checked;

/// Events read per request.
const PAGE: usize = 1_000;

/// The state of a consumer of one source.
#[derive(Debug, Default)]
pub(crate) struct Consumer {
    /// Everything up to this sequence has been applied in order.
    watermark: u64,
    /// Hash of all bytes of the applied events, by sequence.
    pub(crate) applied: BTreeMap<u64, u64>,
    /// Number of events received again, with the same bytes.
    pub(crate) repeats: u64,
    /// Number of gaps detected by `previous`.
    pub(crate) gaps: u64,
    /// Number of events read from the feed.
    pub(crate) pulled: u64,
}

#[derive(Deserialize)]
struct Event {
    sequence: String,
    previous: String,
}

impl Consumer {
    /// Applies a received event, after missing events have been read from the feed.
    pub(crate) async fn receive(&mut self, text: &str, feed: &mut Client) -> Checked<()> {
        let (sequence, previous) = read(text)?;
        if sequence > self.watermark && previous > self.watermark {
            self.gaps += 1;
            self.pull(feed).await?;
        }
        self.apply(sequence, previous, text)
    }

    /// Reads everything after the watermark from the feed. Needed after a disconnect, because
    /// events at the end leave no gap.
    pub(crate) async fn pull(&mut self, feed: &mut Client) -> Checked<()> {
        loop {
            let after = self.watermark;
            let path = format!("/v1/feeds/allocation/0?after={after}&limit={PAGE}");
            let response =
                feed.get(&path).await.map_err(|_| "the feed cannot be read".to_owned())?;
            let page: Vec<&RawValue> =
                serde_json::from_slice(&response.body).map_err(|error| error.to_string())?;
            for event in &page {
                let (sequence, previous) = read(event.get())?;
                self.apply(sequence, previous, event.get())?;
                self.pulled += 1;
            }
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }

    fn apply(&mut self, sequence: u64, previous: u64, text: &str) -> Checked<()> {
        let mut hash = DefaultHasher::new();
        text.hash(&mut hash);
        let hash = hash.finish();
        if sequence <= self.watermark {
            self.repeats += 1;
            return match self.applied.get(&sequence) {
                Some(known) if *known == hash => Ok(()),
                known => {
                    Err(format!("event {sequence} had the hash {known:?} before, now it is {text}")
                        .into())
                }
            };
        }
        if previous != self.watermark {
            return Err(format!("out of order after {}: {text}", self.watermark).into());
        }
        self.watermark = sequence;
        self.applied.insert(sequence, hash);
        Ok(())
    }

    pub(crate) fn watermark(&self) -> u64 {
        self.watermark
    }
}

fn read(text: &str) -> Checked<(u64, u64)> {
    let event: Event = serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
    let number = |it: &str| it.parse::<u64>().map_err(|error| format!("{error}: {text}"));
    Ok((number(&event.sequence)?, number(&event.previous)?))
}
