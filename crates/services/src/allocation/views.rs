//! What the service keeps of its events so that questions can be answered.

use earmark_contracts::values::{BatchReference, LineId, OrderId, Sku, Text};
use earmark_kernel::{Key, Recorded, StoreError, Table, UnixMillis, View};
use serde::{Deserialize, Serialize};

use super::batch_totals::{BatchTotals, Line};
use super::events::{LineKey, StockEvent};

/// Between the parts of a row's key; no name contains it.
const SEPARATOR: char = '\u{1f}';

/// A row's key, or the beginning of some.
pub(super) fn row_key(parts: &[&str]) -> Key {
    let mut key = Key::default();
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            key.push(SEPARATOR);
        }
        key.push_str(part);
    }
    key
}

/// The SKU whose stock has this key.
pub(super) fn sku_of_key(key: &str) -> Result<Sku, StoreError> {
    Text::parse(key).map(Sku).map_err(|e| StoreError(format!("the key {key:?} is no SKU: {e}")))
}

/// The line and the SKU that the key of a row of [`Lines`] names.
pub(super) fn names_of_key(key: &str) -> Result<(LineKey, Sku), StoreError> {
    let text = |part: &str| {
        Text::parse(part).map_err(|e| StoreError(format!("the key {key:?} names no line: {e}")))
    };
    let mut parts = key.splitn(3, SEPARATOR).map(text);
    let mut next = || {
        parts.next().unwrap_or_else(|| Err(StoreError(format!("the key {key:?} names no line"))))
    };
    let key = LineKey { order_id: OrderId(next()?), line_id: LineId(next()?) };
    Ok((key, Sku(next()?)))
}

/// The totals of every batch, by SKU and reference.
pub struct Batches;

impl View for Batches {
    const NAME: &'static str = "batches";
    const CHANGES_OFTEN: bool = true;
    type Event = StockEvent;
    type Row = BatchTotals;

    fn apply(
        rows: &mut Table<BatchTotals>,
        heard: &Recorded<StockEvent>,
    ) -> Result<(), StoreError> {
        let Some(reference) = heard.event.batch() else {
            return Ok(());
        };
        let key = row_key(&[heard.key, &reference.0]);
        if let StockEvent::BatchCreated(fact) = heard.event {
            rows.put(key, BatchTotals::created(fact));
            return Ok(());
        }
        rows.update(key, |totals| totals.evolve(heard.event))
    }
}

/// The SKU of every batch, by reference.
pub struct BatchSkus;

impl View for BatchSkus {
    const NAME: &'static str = "batch_skus";
    type Event = StockEvent;
    type Row = Sku;

    fn apply(rows: &mut Table<Sku>, heard: &Recorded<StockEvent>) -> Result<(), StoreError> {
        if let StockEvent::BatchCreated(fact) = heard.event {
            rows.put(&*fact.batch.0, sku_of_key(heard.key)?);
        }
        Ok(())
    }
}

/// A line, with the decision that put it where it is; its row's key has its name. There is one of
/// each line: on disk the fields have names of one letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRow {
    /// The facts; its number is known to the stock alone and 0 here.
    #[serde(rename = "l")]
    pub line: Line,
    /// The number of the event that decided where it is.
    #[serde(rename = "n")]
    pub decided_seq: u64,
    /// When.
    #[serde(rename = "t")]
    pub decided_at: UnixMillis,
    /// How many units were decided about.
    #[serde(rename = "q")]
    pub decided_quantity: u32,
    /// The batch that was chosen; none took the whole line in time where there is none.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub decided_batch: Option<BatchReference>,
}

/// Every line that was accepted and not released, by order, line and SKU.
pub struct Lines;

impl View for Lines {
    const NAME: &'static str = "lines";
    const VERSION: u32 = 4;
    type Event = StockEvent;
    type Row = LineRow;

    fn apply(rows: &mut Table<LineRow>, heard: &Recorded<StockEvent>) -> Result<(), StoreError> {
        let Some((line_key, quantity)) = heard.event.line() else {
            return Ok(());
        };
        let key = row_key(&[&line_key.order_id.0, &line_key.line_id.0, heard.key]);
        let is_new = match heard.event {
            StockEvent::OutOfStock(it) if !it.queued => return Ok(()),
            StockEvent::Allocated(it) => !it.again,
            StockEvent::Queued(_) => true,
            _ => false,
        };
        if is_new {
            accept(rows, heard, key, quantity);
            return Ok(());
        }
        let decides = matches!(
            heard.event,
            StockEvent::Allocated(_) | StockEvent::Deallocated(_) | StockEvent::OutOfStock(_)
        );
        rows.update(key.clone(), |row| {
            row.line.evolve(heard.event);
            if decides {
                row.decided_seq = heard.seq;
                row.decided_at = heard.at;
                row.decided_quantity = quantity;
                row.decided_batch = row.line.batch().cloned();
            }
        })?;
        let released = matches!(heard.event, StockEvent::Released(_));
        if released && rows.get(&key)?.is_some_and(|row| row.line.ended()) {
            rows.delete(key);
        }
        Ok(())
    }
}

fn accept(rows: &mut Table<LineRow>, heard: &Recorded<StockEvent>, key: Key, quantity: u32) {
    let Some(mut line) = Line::accepted(heard.event, 0) else { return };
    line.evolve(heard.event);
    let row = LineRow {
        decided_seq: heard.seq,
        decided_at: heard.at,
        decided_quantity: quantity,
        decided_batch: line.batch().cloned(),
        line,
    };
    rows.put(key, row);
}

/// Units wanted by the lines that wait, by SKU, order and line; the SKU alone has their sum.
pub struct ShortLines;

impl View for ShortLines {
    const NAME: &'static str = "short_lines";
    const CHANGES_OFTEN: bool = true;
    type Event = StockEvent;
    type Row = u64;

    fn apply(rows: &mut Table<u64>, heard: &Recorded<StockEvent>) -> Result<(), StoreError> {
        let Some((line, quantity)) = heard.event.line() else {
            return Ok(());
        };
        let units = match heard.event {
            StockEvent::Queued(_) | StockEvent::Deallocated(_) => u64::from(quantity),
            StockEvent::Allocated(it) if it.again => 0,
            StockEvent::Released(it) if it.batch.is_none() => 0,
            StockEvent::HoldEnded(it) if it.batch.is_none() => 0,
            _ => return Ok(()),
        };
        let key = row_key(&[heard.key, &line.order_id.0, &line.line_id.0]);
        let before = rows.get(&key)?.unwrap_or(0);
        let sum = rows.get(heard.key)?.unwrap_or(0) - before + units;
        put_or_delete(rows, key, units);
        put_or_delete(rows, heard.key.into(), sum);
        Ok(())
    }
}

fn put_or_delete(rows: &mut Table<u64>, key: Key, units: u64) {
    if units > 0 { rows.put(key, units) } else { rows.delete(key) }
}
