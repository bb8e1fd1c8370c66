//! The steps that every line needs, measured one by one: the command is created, its event is
//! applied to the stock, encoded, and appended to the log. No decisions, queues, responses or
//! views.

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

/// Processor time of each step, in microseconds per line. The names are those of the results.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Parts {
    /// The command is created.
    made: f64,
    /// The event is applied to the stock of the SKU, one of 10,000 in memory.
    kept: f64,
    /// The event is encoded as JSON, as in the log.
    written: f64,
    /// The event is appended to the log: one record and one sync per 4,096 lines, and the
    /// checkpoint.
    appended: f64,
}

impl Parts {
    /// Does all steps for a number of lines.
    pub fn measure(folder: &Path, lines: usize) -> Result<Self, Failure> {
        let (log, _) = store(folder)?;
        let batch = BatchReference(text("b1234"));
        let mut stocks: Vec<Stock> = (0..SKUS).map(|_| stock(&batch)).collect();
        let mut parts = Self::default();
        let before = other_threads_seconds();
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
        parts.appended += other_threads_seconds() - before;
        Ok(parts.per_line(lines))
    }

    /// The sum of all steps.
    pub fn sum(&self) -> f64 {
        self.made + self.kept + self.written + self.appended
    }

    fn per_line(self, lines: usize) -> Self {
        let us = |seconds: f64| seconds * 1e6 / float(lines.max(1));
        Self {
            made: us(self.made),
            kept: us(self.kept),
            written: us(self.written),
            appended: us(self.appended),
        }
    }
}

/// Adds the processor time of this thread during `run`.
fn timed<T>(seconds: &mut f64, run: impl FnOnce() -> T) -> T {
    let before = processor_seconds(ClockId::ThreadCPUTime);
    let done = run();
    *seconds += processor_seconds(ClockId::ThreadCPUTime) - before;
    done
}

/// Processor time of the other threads: there is one, which checkpoints the WAL.
fn other_threads_seconds() -> f64 {
    processor_seconds(ClockId::ProcessCPUTime) - processor_seconds(ClockId::ThreadCPUTime)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::Parts;
    use crate::in_process::{Work, measure};
    use crate::lines::store;
    use earmark_kernel::log::LogStore;

    /// The field names of an object and of the objects in it.
    fn names(value: &Value, into: &mut Vec<String>) {
        for (name, it) in value.as_object().into_iter().flatten() {
            into.push(name.clone());
            names(it, into);
        }
    }

    /// The field names of the last event of a log.
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
    fn events_have_the_same_fields_as_those_of_the_writer() {
        let [parts, bus] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let measured = Parts::measure(parts.path(), 10).unwrap();
        assert!(measured.sum() > 0.0, "{measured:?}");
        measure(Work::Allocations, 10, bus.path()).unwrap();
        assert_eq!(last_event(parts.path()), last_event(bus.path()));
    }
}
