//! A subscriber of the public feed with a watermark, like another system: it must receive every
//! public event in order, without a gap, and with the same content each time.

use std::collections::BTreeMap;

use earmark_kernel::{Bus, Failure};

use crate::rng::Rng;

/// Id, name and data of an event.
type Content = (String, String, String);

/// Reads the feed of one partition.
pub(crate) struct Subscriber {
    partition: usize,
    /// The sequence of the last event read.
    after: u64,
    known: BTreeMap<u64, Content>,
}

impl Subscriber {
    pub(crate) fn new(partition: usize) -> Self {
        Self { partition, after: 0, known: BTreeMap::new() }
    }

    /// Goes back to a random earlier position, as after a loss of data.
    pub(crate) fn rewind(&mut self, rng: &mut Rng) {
        let index = rng.index(self.known.len() + 1);
        self.after = self.known.keys().nth(index).copied().unwrap_or(0);
    }

    /// Reads the next events; returns their number, or why the storage could not be read.
    pub(crate) fn read(
        &mut self,
        bus: &Bus,
        limit: usize,
    ) -> Result<Result<usize, Failure>, String> {
        let events = match bus.feed("allocation", self.partition, self.after, limit) {
            Ok(events) => events,
            Err(failure) => return Ok(Err(failure)),
        };
        let count = events.len();
        for event in events {
            if event.previous != self.after || event.sequence <= self.after {
                let (previous, sequence, after) = (event.previous, event.sequence, self.after);
                return Err(format!(
                    "the feed continues after {after} with {previous} -> {sequence}"
                ));
            }
            self.after = event.sequence;
            let content = (event.id, event.name, event.data.get().to_owned());
            if let Some(before) = self.known.insert(event.sequence, content.clone())
                && before != content
            {
                return Err(format!("an event has two contents: {before:?}, {content:?}"));
            }
        }
        Ok(Ok(count))
    }

    /// The data of all events with a name, as JSON.
    pub(crate) fn payloads(&self, name: &str) -> Vec<String> {
        let of_name = self.known.values().filter(|(_, event, _)| event == name);
        of_name.map(|(_, _, data)| data.clone()).collect()
    }

    /// At the end of a run: it has received exactly the public events of the log.
    pub(crate) fn check(&self, expected: &[(u64, String)]) -> Result<(), String> {
        if expected.iter().map(|(seq, _)| seq).eq(self.known.keys()) {
            return Ok(());
        }
        let received = self.known.keys().collect::<Vec<_>>();
        Err(format!("the feed has {received:?}, the log has {expected:?}"))
    }
}
