//! A reader of the public feed with a watermark, as another system would be: it sees every public
//! event, in order, without a gap, and the same each time.

use std::collections::BTreeMap;

use earmark_kernel::{Bus, Failure};

use crate::rng::Rng;

/// What an event said.
type Said = (String, String, String);

/// Reads the feed of one partition.
pub(crate) struct Subscriber {
    partition: usize,
    /// The last number it has read.
    after: u64,
    known: BTreeMap<u64, Said>,
}

impl Subscriber {
    pub(crate) fn new(partition: usize) -> Self {
        Self { partition, after: 0, known: BTreeMap::new() }
    }

    /// Goes back to some place where it was, as after a loss of its own.
    pub(crate) fn rewind(&mut self, rng: &mut Rng) {
        let place = rng.place(self.known.len() + 1);
        self.after = self.known.keys().nth(place).copied().unwrap_or(0);
    }

    /// Reads on; says how many events came, or why the storage could not be read.
    pub(crate) fn read(
        &mut self,
        bus: &Bus,
        limit: usize,
    ) -> Result<Result<usize, Failure>, String> {
        let heard = match bus.feed("allocation", self.partition, self.after, limit) {
            Ok(heard) => heard,
            Err(failure) => return Ok(Err(failure)),
        };
        let count = heard.len();
        for event in heard {
            if event.previous != self.after || event.sequence <= self.after {
                let (previous, sequence, after) = (event.previous, event.sequence, self.after);
                return Err(format!("after {after} the feed goes on {previous} -> {sequence}"));
            }
            self.after = event.sequence;
            let said = (event.id, event.name, event.data.get().to_owned());
            if let Some(before) = self.known.insert(event.sequence, said.clone())
                && before != said
            {
                return Err(format!("one event, two contents: {before:?}, {said:?}"));
            }
        }
        Ok(Ok(count))
    }

    /// What was heard of one name, as JSON.
    pub(crate) fn heard(&self, name: &str) -> Vec<String> {
        let of_name = self.known.values().filter(|(_, event, _)| event == name);
        of_name.map(|(_, _, data)| data.clone()).collect()
    }

    /// At the end: it has heard exactly what was to be told.
    pub(crate) fn check(&self, told: &[(u64, String)]) -> Result<(), String> {
        if told.iter().map(|(seq, _)| seq).eq(self.known.keys()) {
            return Ok(());
        }
        let heard = self.known.keys().collect::<Vec<_>>();
        Err(format!("the feed told {heard:?}, the log holds {told:?}"))
    }
}
