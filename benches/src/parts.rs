//! What no line can do without, part by part: it is made, kept in the stock of its SKU, written as
//! an event, and appended to the log. Nothing is decided, no queue, no answer, no view.

use std::path::Path;

use earmark_contracts::allocation::Allocate;
use earmark_contracts::values::BatchReference;
use earmark_kernel::Aggregate;
use earmark_kernel::log::{LogStore, Record};
use earmark_services::allocation::{Stock, StockEvent};
use rustix::time::ClockId;
use serde::Serialize;

use crate::clock::processor_seconds;
use crate::events::{allocated, stock, today, write_record};
use crate::failure::Failure;
use crate::lines::{GROUP, SKUS, float, line, sku_number, store, text};

/// Processor time of each part, in microseconds a line.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Parts {
    /// The command is made.
    made: f64,
    /// The event changes the stock of the SKU, one of 10,000 in memory.
    kept: f64,
    /// The event becomes JSON, as it stands in the log.
    written: f64,
    /// The log takes it: a record and a sync for 4,096, copied back into its file.
    appended: f64,
}

impl Parts {
    /// Does all of them for so many lines.
    pub fn measure(folder: &Path, lines: usize) -> Result<Self, Failure> {
        let (log, _) = store(folder)?;
        let batch = BatchReference(text("b1234"));
        let mut stocks: Vec<Stock> = (0..SKUS).map(|_| stock(&batch)).collect();
        let mut parts = Self::default();
        let of_others = others_seconds();
        let (mut seq, mut json) = (0, Vec::new());
        for from in (0..lines).step_by(GROUP) {
            let group = from..lines.min(from + GROUP);
            let commands: Vec<Allocate> =
                timed(&mut parts.made, || group.map(|it| line(it, SKUS)).collect());
            let events: Vec<StockEvent> =
                commands.iter().map(|it| allocated(it, &batch, today())).collect();
            timed(&mut parts.kept, || {
                (from..).zip(&events).for_each(|(it, event)| {
                    stocks[sku_number(it, SKUS)].evolve(event);
                });
            });
            let text = timed(&mut parts.written, || write_record(&mut json, &commands, &events))?;
            let (first_seq, last_seq) = (seq + 1, seq + events.len() as u64);
            let record = Record { first_seq, last_seq, at_ms: 0, events: text };
            timed(&mut parts.appended, || log.append(&record)).map_err(Failure::new)?;
            seq = last_seq;
        }
        timed(&mut parts.appended, || log.checkpoint()).map_err(Failure::new)?;
        parts.appended += others_seconds() - of_others;
        Ok(parts.each_of(lines))
    }

    /// All together.
    pub fn sum(&self) -> f64 {
        self.made + self.kept + self.written + self.appended
    }

    fn each_of(self, lines: usize) -> Self {
        let us = |seconds: f64| seconds * 1e6 / float(lines.max(1));
        Self {
            made: us(self.made),
            kept: us(self.kept),
            written: us(self.written),
            appended: us(self.appended),
        }
    }
}

/// Adds what this thread takes for it.
fn timed<T>(seconds: &mut f64, run: impl FnOnce() -> T) -> T {
    let before = processor_seconds(ClockId::ThreadCPUTime);
    let done = run();
    *seconds += processor_seconds(ClockId::ThreadCPUTime) - before;
    done
}

/// What the threads beside this one have taken: one, which copies the write-ahead file back.
fn others_seconds() -> f64 {
    processor_seconds(ClockId::ProcessCPUTime) - processor_seconds(ClockId::ThreadCPUTime)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::Parts;
    use crate::in_process::{Work, take};
    use crate::lines::store;
    use earmark_kernel::log::LogStore;

    /// The names of an object and of those within it.
    fn names(value: &Value, into: &mut Vec<String>) {
        for (name, it) in value.as_object().into_iter().flatten() {
            into.push(name.clone());
            names(it, into);
        }
    }

    /// The names that the last event of a log has.
    fn last_event(folder: &std::path::Path) -> Vec<String> {
        let (log, _) = store(folder).unwrap();
        let head = log.head().unwrap();
        let record = log.read_after(head - 1, 1).unwrap().pop().unwrap();
        let events: Vec<Value> = serde_json::from_str(&record.events).unwrap();
        let mut all = Vec::new();
        names(events.last().unwrap(), &mut all);
        all
    }

    #[test]
    fn what_is_appended_has_the_form_that_the_writer_gives_it() {
        let [parts, bus] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let measured = Parts::measure(parts.path(), 10).unwrap();
        assert!(measured.sum() > 0.0, "{measured:?}");
        take(Work::Allocations, 10, bus.path()).unwrap();
        assert_eq!(last_event(parts.path()), last_event(bus.path()));
    }
}
