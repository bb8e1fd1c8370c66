//! Views: rows derived from the events, from which queries are answered.

use earmark_contracts::values::{BatchReference, Sku};
use earmark_kernel::{Key, Recorded, StoreError, Table, UnixMillis, View};
use serde::{Deserialize, Serialize};

use super::batch_totals::BatchTotals;
use super::events::StockEvent;
use super::keys::{row_key, sku_of_key};
use super::line::Line;

/// The totals of every batch, by SKU and reference.
pub struct Batches;

impl View for Batches {
    const NAME: &'static str = "batches";
    const CHANGES_OFTEN: bool = true;
    type Event = StockEvent;
    type Row = BatchTotals;

    fn apply(
        rows: &mut Table<BatchTotals>,
        recorded: &Recorded<StockEvent>,
    ) -> Result<(), StoreError> {
        let Some(reference) = recorded.event.batch() else {
            return Ok(());
        };
        let key = row_key(&[recorded.key, &reference.0]);
        if let StockEvent::BatchCreated(fact) = recorded.event {
            rows.put(key, BatchTotals::created(fact));
            return Ok(());
        }
        rows.update(key, |totals| totals.evolve(recorded.event))
    }
}

/// The SKU of every batch, by reference.
pub struct BatchSkus;

impl View for BatchSkus {
    const NAME: &'static str = "batch_skus";
    type Event = StockEvent;
    type Row = Sku;

    fn apply(rows: &mut Table<Sku>, recorded: &Recorded<StockEvent>) -> Result<(), StoreError> {
        if let StockEvent::BatchCreated(fact) = recorded.event {
            rows.put(&*fact.batch.0, sku_of_key(recorded.key)?);
        }
        Ok(())
    }
}

/// A line, with the decision that allocated it or left it short. The row's key contains its ids.
/// There is a row for each line, so the stored field names have one letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRow {
    /// The state of the line. Its number is always 0 here; only the aggregate uses it.
    #[serde(rename = "l")]
    pub line: Line,
    /// The sequence number of the deciding event.
    #[serde(rename = "n")]
    pub decided_seq: u64,
    /// The time of the decision.
    #[serde(rename = "t")]
    pub decided_at: UnixMillis,
    /// Units that the decision concerned.
    #[serde(rename = "q")]
    pub decided_quantity: u32,
    /// The chosen batch; `None` if no batch could take the line.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub decided_batch: Option<BatchReference>,
}

/// Accepted lines that were not released, by order, line and SKU.
pub struct Lines;

impl View for Lines {
    const NAME: &'static str = "lines";
    const VERSION: u32 = 4;
    type Event = StockEvent;
    type Row = LineRow;

    fn apply(rows: &mut Table<LineRow>, recorded: &Recorded<StockEvent>) -> Result<(), StoreError> {
        let Some((line_key, quantity)) = recorded.event.line() else {
            return Ok(());
        };
        let key = row_key(&[&line_key.order_id.0, &line_key.line_id.0, recorded.key]);
        let is_new = match recorded.event {
            StockEvent::StockExhausted(it) if !it.queued => return Ok(()),
            StockEvent::GoodsReady(_) => return Ok(()),
            StockEvent::Allocated(it) => !it.again,
            StockEvent::Queued(_) => true,
            _ => false,
        };
        if is_new {
            accept(rows, recorded, key, quantity);
            return Ok(());
        }
        let decides = matches!(
            recorded.event,
            StockEvent::Allocated(_) | StockEvent::Deallocated(_) | StockEvent::StockExhausted(_)
        );
        rows.update(key.clone(), |row| {
            row.line.evolve(recorded.event);
            if decides {
                row.decided_seq = recorded.seq;
                row.decided_at = recorded.at;
                row.decided_quantity = quantity;
                row.decided_batch = row.line.batch().cloned();
            }
        })?;
        let released = matches!(recorded.event, StockEvent::Released(_));
        if released && rows.get(&key)?.is_some_and(|row| row.line.ended()) {
            rows.delete(key);
        }
        Ok(())
    }
}

fn accept(rows: &mut Table<LineRow>, recorded: &Recorded<StockEvent>, key: Key, quantity: u32) {
    let Some(mut line) = Line::accepted(recorded.event, 0) else { return };
    line.evolve(recorded.event);
    let row = LineRow {
        decided_seq: recorded.seq,
        decided_at: recorded.at,
        decided_quantity: quantity,
        decided_batch: line.batch().cloned(),
        line,
    };
    rows.put(key, row);
}

/// Units of short lines, by SKU, order and line. The row of the SKU alone is their sum.
pub struct ShortLines;

impl View for ShortLines {
    const NAME: &'static str = "short_lines";
    const CHANGES_OFTEN: bool = true;
    type Event = StockEvent;
    type Row = u64;

    fn apply(rows: &mut Table<u64>, recorded: &Recorded<StockEvent>) -> Result<(), StoreError> {
        let Some((line, quantity)) = recorded.event.line() else {
            return Ok(());
        };
        let units = match recorded.event {
            StockEvent::Queued(_) | StockEvent::Deallocated(_) => u64::from(quantity),
            StockEvent::Allocated(it) if it.again => 0,
            StockEvent::Released(it) if it.batch.is_none() => 0,
            StockEvent::HoldEnded(it) if it.batch.is_none() => 0,
            _ => return Ok(()),
        };
        let key = row_key(&[recorded.key, &line.order_id.0, &line.line_id.0]);
        let before = rows.get(&key)?.unwrap_or(0);
        let sum = rows.get(recorded.key)?.unwrap_or(0) - before + units;
        put_or_delete(rows, key, units);
        put_or_delete(rows, recorded.key.into(), sum);
        Ok(())
    }
}

fn put_or_delete(rows: &mut Table<u64>, key: Key, units: u64) {
    if units > 0 { rows.put(key, units) } else { rows.delete(key) }
}
