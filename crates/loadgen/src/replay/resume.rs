//! What an interrupted replay did, read back from the log.
//!
//! The id of each command of a replay consists of the replay's name and the command's number.
//! Commands are sent and committed in order, so the highest number in the log is the progress.

use std::collections::BTreeMap;

use earmark_contracts::allocation::{LineAllocated, LineDeallocated, OutOfStock};
use earmark_contracts::values::{BatchReference, Day, LineId, OrderId};
use earmark_kernel::{Bus, PublicEvent, PublicRecord, UnixMillis};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::figures::Figures;
use crate::error::Error;

/// Public events read per batch.
const READ_EVENTS_MAX: usize = 20_000;

/// The service that a replay sends commands to.
pub const SERVICE: &str = "allocation";

/// The id of a command of a replay: its name, the command's number, and whether it is a line.
pub fn command_id(name: u64, number: u64, is_line: bool) -> Uuid {
    Uuid::from_u64_pair(name, number << 1 | u64::from(is_line))
}

/// A command's number and whether it is a line; none for commands of others.
fn read_id(name: u64, id: Uuid) -> Option<(u64, bool)> {
    let (of, number) = id.as_u64_pair();
    (of == name).then_some((number >> 1, number & 1 == 1))
}

/// The progress of an earlier part.
#[derive(Debug, Default)]
pub struct Past {
    /// The number of the last command in the log; 0: none.
    pub through: u64,
    pub figures: Figures,
}

impl Past {
    /// Reads the progress of the replay `name`.
    pub fn read(bus: &Bus, name: u64) -> Result<Self, Error> {
        let mut past = Self { through: last_number(bus, name)?, ..Self::default() };
        let mut change = Change::default();
        let mut after = 0;
        loop {
            let events = bus.feed(SERVICE, 0, after, READ_EVENTS_MAX)?;
            let Some(last) = events.last() else { break };
            after = last.sequence;
            for event in &events {
                past.apply(&mut change, name, event)?;
            }
        }
        change.end(&mut past.figures);
        Ok(past)
    }

    fn apply(&mut self, change: &mut Change, name: u64, event: &PublicRecord) -> Result<(), Error> {
        let id: Uuid = event.causationid.parse().map_err(Error::new)?;
        let Some((number, is_line)) = read_id(name, id) else {
            return Ok(());
        };
        if change.number != number {
            change.end(&mut self.figures);
            change.number = number;
        }
        match event.name.as_str() {
            LineAllocated::NAME => {
                let allocated: LineAllocated = data(event)?;
                if is_line {
                    let day = Day::of(UnixMillis(event.at_ms));
                    self.figures.placed(allocated.promised > day);
                } else {
                    let line = (allocated.orderid, allocated.line_id);
                    change.places.entry(line).or_default().1 = Some(allocated.batchref);
                }
            }
            OutOfStock::NAME if is_line => self.figures.short(),
            LineDeallocated::NAME => {
                let lost: LineDeallocated = data(event)?;
                let line = (lost.orderid, lost.line_id);
                let place = change.places.entry(line);
                place.or_insert((lost.batchref, None)).1 = None;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The effect of one change of supply on the lines.
#[derive(Default)]
struct Change {
    number: u64,
    /// Each line's batch before and after.
    places: BTreeMap<(OrderId, LineId), (Option<BatchReference>, Option<BatchReference>)>,
}

impl Change {
    fn end(&mut self, figures: &mut Figures) {
        for (from, to) in std::mem::take(&mut self.places).into_values() {
            if from != to {
                figures.moved(from.is_some(), to.is_some());
            }
        }
    }
}

fn data<T: DeserializeOwned>(event: &PublicRecord) -> Result<T, Error> {
    serde_json::from_str(event.data.get()).map_err(|error| {
        Error::new(format!("the event {} of the log cannot be read: {error}", event.sequence))
    })
}

/// The part of an event in the log that is read here.
#[derive(Deserialize)]
struct Envelope {
    causation: Uuid,
}

/// The highest number of a command of the replay `name` in the log; 0: none.
fn last_number(bus: &Bus, name: u64) -> Result<u64, Error> {
    let head = *bus.watch_head(SERVICE, 0)?.borrow();
    let (mut below, mut window) = (head, 1_000);
    while below > 0 {
        let from = below.saturating_sub(window);
        let (mut last, mut seen) = (0, from);
        while seen < below {
            let records = bus.records(SERVICE, 0, seen, window)?;
            for record in &records {
                let events: Vec<Envelope> =
                    serde_json::from_str(&record.events).map_err(|error| {
                        Error::new(format!("the log record at {seen} cannot be read: {error}"))
                    })?;
                let numbers = events.iter().filter_map(|it| read_id(name, it.causation));
                last = numbers.map(|(number, _)| number).fold(last, u64::max);
            }
            seen = records.last().map_or(below, |record| record.last_seq);
        }
        if last > 0 {
            return Ok(last);
        }
        (below, window) = (from, window * 4);
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_id_holds_its_number_and_whether_it_is_a_line() {
        let id = command_id(7, 12, true);
        assert_eq!(read_id(7, id), Some((12, true)));
        assert_eq!(read_id(7, command_id(7, 13, false)), Some((13, false)));
        assert_eq!(read_id(8, id), None);
    }
}
