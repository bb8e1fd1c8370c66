//! A consumer as others should write theirs: it knows the number it has come to, notices a gap by
//! `previous`, and pulls from the feed what it was not told.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::Client;
use crate::violation::Checked;

/// So many events are pulled at a time.
const PAGE: usize = 1_000;

/// What a consumer has done about the events of one source.
#[derive(Debug, Default)]
pub(crate) struct Consumer {
    /// Everything through this number is applied, in order.
    watermark: u64,
    /// What was applied: the hash of all bytes by number.
    pub(crate) applied: BTreeMap<u64, u64>,
    /// Events that came again, with the same bytes.
    pub(crate) repeats: u64,
    /// Gaps that were noticed by `previous`.
    pub(crate) gaps: u64,
    /// Events that were pulled from the feed.
    pub(crate) pulled: u64,
}

#[derive(Deserialize)]
struct Event {
    sequence: String,
    previous: String,
}

impl Consumer {
    /// Hears an event; whether it has to pull what comes before it first.
    pub(crate) async fn hear(&mut self, text: &str, feed: &mut Client) -> Checked<()> {
        let (sequence, previous) = read(text)?;
        if sequence > self.watermark && previous > self.watermark {
            self.gaps += 1;
            self.pull(feed).await?;
        }
        self.apply(sequence, previous, text)
    }

    /// Pulls everything after the watermark: where it was away, nobody will tell it of the end.
    pub(crate) async fn pull(&mut self, feed: &mut Client) -> Checked<()> {
        loop {
            let after = self.watermark;
            let path = format!("/v1/feeds/allocation/0?after={after}&limit={PAGE}");
            let reply = feed.get(&path).await.map_err(|_| "the feed is gone".to_owned())?;
            let page: Vec<&RawValue> =
                serde_json::from_slice(&reply.body).map_err(|error| error.to_string())?;
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
                known => Err(format!("{sequence} came as {known:?} before, now as {text}").into()),
            };
        }
        if previous != self.watermark {
            return Err(format!("behind {} comes {text}: out of order", self.watermark).into());
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
