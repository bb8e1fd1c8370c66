//! What no line can do without, part by part, with nothing beside it: it is read, kept in the stock
//! of its SKU, written as an event, and appended to the log. No queue, no answer, no view.

use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;

use earmark_contracts::allocation::Allocate;
use earmark_contracts::values::{BatchReference, Day, QUANTITY_MAX};
use earmark_kernel::Aggregate;
use earmark_kernel::clock::{Clock, SystemClock};
use earmark_kernel::ids::{Ids, RandomIds};
use earmark_kernel::log::{LogStore, Record};
use earmark_services::allocation::events::{Allocated, BatchCreated};
use earmark_services::allocation::{LineKey, Stock, StockEvent};
use earmark_stores::sqlite::{DataFolder, SqliteLog, SqliteStore};
use rustix::time::ClockId;
use serde::Serialize;

use crate::clock::processor_seconds;
use crate::failure::Failure;
use crate::in_process::{GROUP, SKUS, float, line, sku_number, text};

/// Processor time of each part, in microseconds a line.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Parts {
    /// The line's JSON becomes a command.
    read: f64,
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
        let log = log(folder)?;
        let mut stocks = stocks();
        let mut seconds = Self::default();
        let mut seq = 0;
        for from in (0..lines).step_by(GROUP) {
            let commands: Vec<Allocate> =
                (from..lines.min(from + GROUP)).map(|it| line(it, SKUS)).collect();
            let bodies = commands.iter().map(serde_json::to_string);
            let bodies: Vec<String> = bodies.collect::<Result<_, _>>().map_err(Failure::new)?;
            let events: Vec<StockEvent> = commands.iter().map(allocated).collect();
            timed(&mut seconds.read, || read(&bodies))?;
            timed(&mut seconds.kept, || {
                (from..)
                    .zip(&events)
                    .for_each(|(it, event)| stocks[sku_number(it, SKUS)].evolve(event));
                Ok(())
            })?;
            let mut json = Vec::new();
            timed(&mut seconds.written, || write(&mut json, &commands, &events))?;
            let (first_seq, last_seq) = (seq + 1, seq + events.len() as u64);
            let events = String::from_utf8(json).map_err(Failure::new)?;
            let record = Record { first_seq, last_seq, at_ms: 0, events };
            timed(&mut seconds.appended, || log.append(&record).map_err(Failure::new))?;
            seq = last_seq;
        }
        Ok(seconds.each_of(lines))
    }

    /// All together.
    pub fn sum(&self) -> f64 {
        self.read + self.kept + self.written + self.appended
    }

    fn each_of(self, lines: usize) -> Self {
        let us = |seconds: f64| seconds * 1e6 / float(lines.max(1));
        Self {
            read: us(self.read),
            kept: us(self.kept),
            written: us(self.written),
            appended: us(self.appended),
        }
    }
}

/// Adds what all threads of this process take for it.
fn timed(seconds: &mut f64, run: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    let before = processor_seconds(ClockId::ProcessCPUTime);
    run()?;
    *seconds += processor_seconds(ClockId::ProcessCPUTime) - before;
    Ok(())
}

fn read(bodies: &[String]) -> Result<(), Failure> {
    for body in bodies {
        let read: Allocate = serde_json::from_str(body).map_err(Failure::new)?;
        black_box(read);
    }
    Ok(())
}

/// Writes a record's text, as long as a writer's is.
fn write(json: &mut Vec<u8>, commands: &[Allocate], events: &[StockEvent]) -> Result<(), Failure> {
    let causation = RandomIds.next();
    for (command, event) in commands.iter().zip(events) {
        json.push(if json.is_empty() { b'[' } else { b',' });
        serde_json::to_writer(&mut *json, event).map_err(Failure::new)?;
        json.pop();
        let sku = &command.sku.0;
        write!(json, r#","of":"stock","key":"{sku}","causation":"{causation}"}}"#)?;
    }
    json.push(b']');
    Ok(())
}

fn log(folder: &Path) -> Result<SqliteLog, Failure> {
    let data = DataFolder::open(folder).map_err(Failure::new)?;
    let log_id = RandomIds.next().to_string();
    let (log, _) = SqliteStore::open(&data, "allocation", 0, &log_id).map_err(Failure::new)?;
    Ok(log)
}

/// The stock of every SKU: one batch, as large as can be.
fn stocks() -> Vec<Stock> {
    let batch = StockEvent::BatchCreated(BatchCreated {
        batch: batch(),
        quantity: QUANTITY_MAX,
        eta: None,
        expires: None,
    });
    let stock = |_| {
        let mut stock = Stock::default();
        stock.evolve(&batch);
        stock
    };
    (0..SKUS).map(stock).collect()
}

fn allocated(command: &Allocate) -> StockEvent {
    let today = Day::of(SystemClock.now());
    StockEvent::Allocated(Allocated {
        line: LineKey { order_id: command.order_id.clone(), line_id: command.line() },
        quantity: command.quantity.units(),
        batch: batch(),
        day: today,
        promised: today,
        need_by: None,
        priority: command.priority,
        held_until: None,
        passed_over: Vec::new(),
        again: false,
    })
}

fn batch() -> BatchReference {
    BatchReference(text("bench-S00000000"))
}
