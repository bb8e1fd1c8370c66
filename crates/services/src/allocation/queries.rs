//! Answers to queries, and the SKU of the batch or line that a command names.

use std::collections::BTreeMap;

use earmark_contracts::allocation::{
    BatchBeforeAfter, BatchFigures, BatchRefused, BatchState, ChangeBatch, CloseBatch, Deallocate,
    ExplainLine, ExplainedLine, GetBatch, GetLines, GetStock, LineRefused, LineState, ListStock,
    Return, SHORT_LINES_MAX, Ship, ShortLine, StockDetail, StockHistory, StockHistoryEntry,
    StockLevel,
};
use earmark_contracts::values::{BatchReference, Day, LineId, OrderId, Sku};
use earmark_kernel::{DeferredAnswer, Event, History, Key, PastEvent, Reading, StoreError};

use super::batch_totals::BatchTotals;
use super::events::{LineKey, StockEvent};
use super::keys::{SEPARATOR, line_of_key, row_key, sku_of_key};
use super::placing::{Demand, explain_all};
use super::reservation;
use super::stock::Stock;
use super::views::{BatchSkus, Batches, LineRow, Lines, ShortLines};

/// The key of the aggregate that decides a command, or a refusal.
type ResolvedKey<R> = Result<Result<Key, R>, StoreError>;

/// A line with its key and SKU.
pub(super) struct NamedLine {
    pub(super) key: LineKey,
    pub(super) sku: Sku,
    pub(super) row: LineRow,
}

/// No limit: an order has few lines and a SKU few batches, so all rows are read at once.
const ALL: usize = usize::MAX / 4;

pub(super) fn sku_of_changed(
    reading: &Reading,
    command: &ChangeBatch,
) -> ResolvedKey<BatchRefused> {
    sku_of_batch(reading, &command.reference)
}

pub(super) fn sku_of_closed(reading: &Reading, command: &CloseBatch) -> ResolvedKey<BatchRefused> {
    sku_of_batch(reading, &command.reference)
}

fn sku_of_batch(reading: &Reading, reference: &BatchReference) -> ResolvedKey<BatchRefused> {
    let sku = reading.get::<BatchSkus>(&reference.0)?;
    let unknown = || BatchRefused::UnknownBatch { reference: reference.clone() };
    Ok(sku.map(|sku| Key::from(&*sku.0)).ok_or_else(unknown))
}

pub(super) fn sku_of_released(reading: &Reading, command: &Deallocate) -> ResolvedKey<LineRefused> {
    sku_of_line(reading, &command.order_id, &command.line_id)
}

pub(super) fn sku_of_shipped(reading: &Reading, command: &Ship) -> ResolvedKey<LineRefused> {
    sku_of_line(reading, &command.order_id, &command.line_id)
}

pub(super) fn sku_of_returned(reading: &Reading, command: &Return) -> ResolvedKey<LineRefused> {
    sku_of_line(reading, &command.order_id, &command.line_id)
}

fn sku_of_line(
    reading: &Reading,
    order_id: &OrderId,
    line_id: &LineId,
) -> ResolvedKey<LineRefused> {
    let line = one_line(reading, order_id, line_id, None)?;
    Ok(line.map(|line| Key::from(&*line.sku.0)))
}

fn lines(reading: &Reading, prefix: &str) -> Result<Vec<NamedLine>, StoreError> {
    let named = |(row_key, row): (Key, LineRow)| {
        let (key, sku) = line_of_key(&row_key)?;
        Ok(NamedLine { key, sku, row })
    };
    reading.scan::<Lines>(prefix, None, ALL)?.into_iter().map(named).collect()
}

/// The only line with this id, and with this SKU if one is given.
fn one_line(
    reading: &Reading,
    order_id: &OrderId,
    line_id: &LineId,
    sku: Option<&Sku>,
) -> Result<Result<NamedLine, LineRefused>, StoreError> {
    let (order_id, line_id) = (order_id.clone(), line_id.clone());
    let mut lines = lines(reading, &row_key(&[&order_id.0, &line_id.0, ""]))?;
    lines.retain(|line| sku.is_none_or(|sku| line.sku == *sku));
    Ok(match (lines.pop(), lines.is_empty()) {
        (Some(line), true) => Ok(line),
        (Some(_), false) => Err(LineRefused::AmbiguousLine { order_id, line_id }),
        (None, _) => Err(LineRefused::UnknownLine { order_id, line_id }),
    })
}

pub(super) fn get_batch(
    reading: &Reading,
    query: GetBatch,
) -> Result<Option<BatchState>, StoreError> {
    let Some(sku) = reading.get::<BatchSkus>(&query.reference.0)? else {
        return Ok(None);
    };
    let totals = totals(reading, &sku, &query.reference)?;
    Ok(totals.map(|totals| totals.state(&sku)))
}

fn totals(
    reading: &Reading,
    sku: &Sku,
    reference: &BatchReference,
) -> Result<Option<BatchTotals>, StoreError> {
    reading.get::<Batches>(&row_key(&[&sku.0, &reference.0]))
}

pub(super) fn state(
    reading: &Reading,
    NamedLine { key, sku, row }: &NamedLine,
) -> Result<LineState, StoreError> {
    let batch = match row.line.batch() {
        Some(reference) => totals(reading, sku, reference)?,
        None => None,
    };
    Ok(row.line.state(key, sku, batch.as_ref()))
}

pub(super) fn get_lines(reading: &Reading, query: GetLines) -> Result<Vec<LineState>, StoreError> {
    let prefix = match &query.line_id {
        Some(line_id) => row_key(&[&query.order_id.0, &line_id.0, ""]),
        None => row_key(&[&query.order_id.0, ""]),
    };
    let lines = lines(reading, &prefix)?;
    // Extending a hold does not touch its lines.
    let is_held =
        |it: &NamedLine| it.row.line.reservation.is_some() && it.row.line.held_until().is_some();
    let until = match lines.iter().any(is_held) {
        true => reservation::views::reservation(reading, &query.order_id)?.and_then(|it| it.until),
        false => None,
    };
    let with_end = |line: &NamedLine| {
        let mut state = state(reading, line)?;
        if is_held(line) {
            reservation::queries::set_end(&mut state, until.map(|until| until.0));
        }
        Ok(state)
    };
    lines.iter().map(with_end).collect()
}

/// The lines of an order that were not released.
pub(super) fn lines_of(
    reading: &Reading,
    order_id: &OrderId,
) -> Result<Vec<NamedLine>, StoreError> {
    lines(reading, &row_key(&[&order_id.0, ""]))
}

pub(super) fn explain_line(
    reading: &Reading,
    query: ExplainLine,
) -> Result<DeferredAnswer<Result<ExplainedLine, LineRefused>>, StoreError> {
    let found = one_line(reading, &query.order_id, &query.line_id, query.sku.as_ref())?;
    let found = match found {
        Ok(found) => found,
        Err(refused) => return Ok(Box::new(|| Ok(Err(refused)))),
    };
    let (line, past) = (state(reading, &found)?, reading.past::<Stock>(&found.sku.0));
    let row = found.row;
    Ok(Box::new(move || {
        let stock = past.aggregate_at(row.decided_seq.saturating_sub(1))?;
        let (quantity, need_by) = (row.decided_quantity, row.line.need_by);
        let demand = Demand { quantity, need_by, today: Day::of(row.decided_at) };
        Ok(Ok(ExplainedLine {
            line,
            decided_at_ms: row.decided_at.0,
            sequence: row.decided_seq,
            explanation: explain_all(&stock, demand, row.decided_batch.as_ref()),
        }))
    }))
}

pub(super) fn list_stock(
    reading: &Reading,
    query: ListStock,
) -> Result<Vec<StockLevel>, StoreError> {
    let mut levels = Vec::new();
    let mut after = query.after.as_ref().map(rows_end);
    while levels.len() < query.limit {
        let next = reading.scan::<Batches>("", after.as_deref(), 1)?;
        let Some((key, _)) = next.first() else { break };
        let sku = key.split(SEPARATOR).next().unwrap_or_default();
        let sku = sku_of_key(sku)?;
        after = Some(rows_end(&sku));
        levels.push(level(reading, &sku)?.0);
    }
    Ok(levels)
}

/// A key after all rows of a SKU and before those of the next one: a SKU does not end with a space,
/// and no character that it may contain sorts before a space.
fn rows_end(sku: &Sku) -> Key {
    row_key(&[&format!("{} ", sku.0)])
}

/// The stock level of a SKU, and its batches.
fn level(reading: &Reading, sku: &Sku) -> Result<(StockLevel, Vec<BatchState>), StoreError> {
    let prefix = row_key(&[&sku.0, ""]);
    let batches = reading.scan::<Batches>(&prefix, None, ALL)?;
    let batches: Vec<_> = batches.into_iter().map(|(_, totals)| totals).collect();
    let open = || batches.iter().filter(|it| it.closed.is_none());
    let sum = |units: &dyn Fn(&BatchTotals) -> u32| open().map(|it| u64::from(units(it))).sum();
    let purchased = |it: &BatchTotals, in_warehouse: bool| {
        if it.eta.is_none() == in_warehouse { it.purchased } else { 0 }
    };
    let level = StockLevel {
        sku: sku.clone(),
        on_hand: sum(&|it| purchased(it, true)),
        incoming: sum(&|it| purchased(it, false)),
        allocated: sum(&|it| it.allocated),
        held: sum(&|it| it.held),
        available: sum(&BatchTotals::available),
        short: reading.get::<ShortLines>(&sku.0)?.unwrap_or(0),
        next_eta: open().filter(|it| it.available() > 0).filter_map(|it| it.eta).min(),
    };
    Ok((level, batches.iter().map(|it| it.state(sku)).collect()))
}

/// The first [`SHORT_LINES_MAX`] short lines of a SKU.
fn short_lines(reading: &Reading, sku: &Sku) -> Result<Vec<ShortLine>, StoreError> {
    let mut short_lines = Vec::new();
    let prefix = row_key(&[&sku.0, ""]);
    for (key, _) in reading.scan::<ShortLines>(&prefix, None, SHORT_LINES_MAX)? {
        let key = row_key(&[&key[prefix.len()..], &sku.0]);
        if let Some(LineRow { line, .. }) = reading.get::<Lines>(&key)? {
            let LineKey { order_id, line_id } = line_of_key(&key)?.0;
            let (quantity, need_by, priority) = (line.open(), line.need_by, line.priority);
            short_lines.push(ShortLine { order_id, line_id, quantity, need_by, priority });
        }
    }
    Ok(short_lines)
}

pub(super) fn get_stock(
    reading: &Reading,
    query: GetStock,
) -> Result<Option<StockDetail>, StoreError> {
    let (level, batches) = level(reading, &query.sku)?;
    let short_lines = short_lines(reading, &query.sku)?;
    Ok((!batches.is_empty()).then_some(StockDetail { level, batches, short_lines }))
}

pub(super) fn stock_history(
    reading: &Reading,
    query: StockHistory,
) -> Result<DeferredAnswer<Option<Vec<StockHistoryEntry>>>, StoreError> {
    let past = reading.past::<Stock>(&query.sku.0);
    Ok(Box::new(move || history_entries(&past, &query)))
}

fn history_entries(
    past: &History<Stock>,
    query: &StockHistory,
) -> Result<Option<Vec<StockHistoryEntry>>, StoreError> {
    let stock = past.aggregate_at(query.after)?;
    let events = past.history(query.after, query.limit)?;
    if events.is_empty() && !stock.exists() {
        return Ok(None);
    }
    let mut batches: BTreeMap<BatchReference, BatchTotals> =
        stock.all_totals().map(|it| (it.reference.clone(), it.clone())).collect();
    let entry = |it: PastEvent<StockEvent>| {
        let batch =
            it.event.batch().map(|reference| before_after(&mut batches, reference, &it.event));
        let line = it.event.line();
        StockHistoryEntry {
            sequence: it.seq,
            at_ms: it.at.0,
            event: it.event.name().to_owned(),
            cause: it.causation.to_string(),
            batch,
            order_id: line.map(|(key, _)| key.order_id.clone()),
            line_id: line.map(|(key, _)| key.line_id.clone()),
            quantity: line.map(|(_, quantity)| quantity),
            reason: it.event.reason().map(str::to_owned),
        }
    };
    Ok(Some(events.into_iter().map(entry).collect()))
}

/// Applies an event to a batch, and returns its totals before and after.
fn before_after(
    batches: &mut BTreeMap<BatchReference, BatchTotals>,
    reference: &BatchReference,
    event: &StockEvent,
) -> BatchBeforeAfter {
    let totals = |it: &BatchTotals| BatchFigures {
        purchased: it.purchased,
        allocated: it.allocated,
        eta: it.eta,
    };
    let before = batches.get(reference).map(totals);
    if let StockEvent::BatchCreated(fact) = event {
        batches.insert(reference.clone(), BatchTotals::created(fact));
    } else if let Some(it) = batches.get_mut(reference) {
        it.evolve(event);
    }
    let after = batches.get(reference).map(totals);
    let empty = BatchFigures { purchased: 0, allocated: 0, eta: None };
    BatchBeforeAfter { reference: reference.clone(), before, after: after.unwrap_or(empty) }
}
