//! The baseline `bare-log`: like `bare-file`, but each line is added to the stock of its SKU, and
//! its event is in the log before it is answered with the constant. There is no bus, no decision
//! and no view: their cost is the difference to this baseline.

use std::path::Path;

use axum::Router;
use axum::body::Bytes;
use earmark_contracts::allocation::Allocate;
use earmark_contracts::values::{BatchReference, Sku};
use earmark_kernel::Aggregate;
use earmark_kernel::log::{LogStore, Record};
use earmark_services::allocation::{Stock, StockEvent};
use earmark_stores::sqlite::SqliteLog;
use rustc_hash::FxHashMap;

use crate::durable::{self, GroupContent};
use crate::events::{allocated, stock, today, write_record};
use crate::failure::Failure;
use crate::group_commit::GroupCommit;
use crate::lines::{store, text};

/// As long as the names of the batches of `earmark bench`.
const BATCH: &str = "bench-S00000000";

/// The lines of requests.
#[derive(Default)]
struct Lines(Vec<Allocate>);

impl GroupContent for Lines {
    type Part = Vec<Allocate>;

    fn part(_: Bytes, lines: impl IntoIterator<Item = Allocate>) -> Vec<Allocate> {
        lines.into_iter().collect()
    }

    fn add(&mut self, lines: Vec<Allocate>) {
        self.0.extend(lines);
    }
}

/// The routes of a benchmark, with a new log.
pub fn routes(folder: &Path) -> Result<Router, Failure> {
    let mut log = BareLog::create(folder)?;
    Ok(durable::routes(GroupCommit::start(move |Lines(lines)| log.append(lines))?))
}

/// Number of events of a log that no process has open.
pub fn events(folder: &Path) -> Result<u64, Failure> {
    store(folder)?.0.head().map_err(Failure::new)
}

/// A log, and the stock folded from it.
struct BareLog {
    log: SqliteLog,
    /// The stock of all SKUs with a line.
    stocks: FxHashMap<Sku, Stock>,
    batch: BatchReference,
    json: Vec<u8>,
    last_seq: u64,
}

impl BareLog {
    fn create(folder: &Path) -> Result<Self, Failure> {
        let ((log, _), batch) = (store(folder)?, BatchReference(text(BATCH)));
        let (stocks, json) = (FxHashMap::default(), Vec::new());
        Ok(Self { log, stocks, batch, json, last_seq: 0 })
    }

    fn append(&mut self, lines: &[Allocate]) -> Result<(), Failure> {
        let Self { stocks, batch, .. } = self;
        let today = today();
        let events: Vec<StockEvent> =
            lines.iter().map(|line| allocated(line, batch, today)).collect();
        for (line, event) in lines.iter().zip(&events) {
            stocks.entry(line.sku.clone()).or_insert_with(|| stock(batch)).evolve(event);
        }
        let text = write_record(&mut self.json, lines, &events)?;
        let (first_seq, last_seq) = (self.last_seq + 1, self.last_seq + events.len() as u64);
        let record = Record { first_seq, last_seq, at_ms: 0, events: text };
        self.log.append(&record).map_err(Failure::new)?;
        self.last_seq = last_seq;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use earmark_kernel::log::LogStore;
    use earmark_services::allocation::LineKey;

    use super::{BareLog, events};
    use crate::lines::{line, sku, store};

    #[test]
    fn each_group_is_a_record_and_each_line_an_event_in_its_stock() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = BareLog::create(folder.path()).unwrap();
        let lines = [line(1, 2), line(2, 2), line(3, 2)];
        log.append(&lines[..2]).unwrap();
        log.append(&lines[2..]).unwrap();
        for it in &lines {
            let key = LineKey { order_id: it.order_id.clone(), line_id: it.line() };
            assert!(log.stocks[&it.sku].line(&key).is_some(), "{key:?}");
        }
        assert!(log.stocks.contains_key(&sku(1)));
        drop(log);
        assert_eq!(events(folder.path()).unwrap(), 3);
        let (log, _) = store(folder.path()).unwrap();
        let records = log.read_after(0, 9).unwrap();
        let numbers: Vec<_> = records.iter().map(|it| (it.first_seq, it.last_seq)).collect();
        assert_eq!(numbers, [(1, 2), (3, 3)]);
        let orders = |events: &str| events.matches("\"order_id\":\"order-").count();
        assert_eq!(records.iter().map(|it| orders(&it.events)).collect::<Vec<_>>(), [2, 1]);
    }
}
