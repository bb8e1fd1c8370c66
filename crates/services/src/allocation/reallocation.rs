//! Reallocation: lines that lose their batch, and stock that becomes available for short lines.

use earmark_contracts::values::{BatchReference, Day};
use earmark_kernel::{Recorder, UnixMillis};

use super::batch_totals::BatchTotals;
use super::events::{
    Allocated, BatchCreated, BatchEtaChanged, BatchResized, Deallocated, GoodsReady, HoldEnded,
    LineKey, Released, Returned, StockEvent, StockExhausted,
};
use super::keys::sku_of;
use super::line::LineStatus;
use super::line_index::KeyedLine;
use super::placing::{allocate_short_lines, place_again};
use super::ranking::FitCriteria;
use super::stock::{Batch, Stock};

/// Places a deallocated line in another batch. If none takes it, the line waits for stock, or its
/// hold ends.
pub(super) fn reallocate(stock: &mut Recorder<Stock>, fact: &Deallocated, now: UnixMillis) {
    let Some(line) = stock.line(&fact.line) else {
        return;
    };
    let LineStatus::Short { held_until } = line.status else {
        return;
    };
    let quantity = line.open();
    if !place_again(stock, &fact.line, now) {
        let line = fact.line.clone();
        if held_until.is_some() {
            let (batch, reason) = (None, "its stock was lost".to_owned());
            stock.record(StockEvent::HoldEnded(HoldEnded { line, quantity, batch, reason }));
        } else {
            let (sku, queued) = (sku_of(stock), true);
            stock.record(StockEvent::StockExhausted(StockExhausted {
                sku,
                line,
                quantity,
                queued,
            }));
        }
    }
}

/// Allocates a new batch to short lines.
pub(super) fn allocate_new_stock(
    stock: &mut Recorder<Stock>,
    fact: &BatchCreated,
    now: UnixMillis,
) {
    allocate_short_lines(stock, &fact.batch, now);
}

/// Allocates units that were added to a batch to short lines.
pub(super) fn allocate_added_stock(
    stock: &mut Recorder<Stock>,
    fact: &BatchResized,
    now: UnixMillis,
) {
    if fact.to > fact.from {
        allocate_short_lines(stock, &fact.batch, now);
    }
}

/// Allocates the units of a released line to short lines.
pub(super) fn allocate_released_stock(
    stock: &mut Recorder<Stock>,
    fact: &Released,
    now: UnixMillis,
) {
    if let Some(batch) = &fact.batch {
        allocate_short_lines(stock, batch, now);
    }
}

/// Allocates the units of a hold that ended to short lines.
pub(super) fn allocate_stock_of_ended_hold(
    stock: &mut Recorder<Stock>,
    fact: &HoldEnded,
    now: UnixMillis,
) {
    if let Some(batch) = &fact.batch {
        allocate_short_lines(stock, batch, now);
    }
}

/// Allocates restocked units to short lines.
pub(super) fn allocate_returned_stock(
    stock: &mut Recorder<Stock>,
    fact: &Returned,
    now: UnixMillis,
) {
    if let Some(batch) = &fact.batch {
        allocate_short_lines(stock, batch, now);
    }
}

/// Tells that the goods of a confirmed line are in the warehouse after it was allocated again.
pub(super) fn tell_moved_goods(stock: &mut Recorder<Stock>, fact: &Allocated, _: UnixMillis) {
    if fact.again && fact.reservation.is_some() && fact.held_until.is_none() {
        let is_in_warehouse = |it: &BatchTotals| it.eta.is_none();
        if stock.totals(&fact.batch).is_some_and(is_in_warehouse) {
            let (line, quantity, batch) = (fact.line.clone(), fact.quantity, fact.batch.clone());
            stock.record(StockEvent::GoodsReady(GoodsReady { line, quantity, batch }));
        }
    }
}

/// Tells that the goods of the confirmed lines of a batch are in the warehouse when it arrives.
pub(super) fn tell_arrived_goods(
    stock: &mut Recorder<Stock>,
    fact: &BatchEtaChanged,
    _: UnixMillis,
) {
    if fact.to.is_some() {
        return;
    }
    let lines = stock.batch(&fact.batch).into_iter().flat_map(|it| it.lines.all());
    let is_confirmed =
        |it: &&KeyedLine| it.line.reservation.is_some() && it.line.held_until().is_none();
    let ready = |it: &KeyedLine| GoodsReady {
        line: it.key.clone(),
        quantity: it.line.open(),
        batch: fact.batch.clone(),
    };
    let ready: Vec<_> = lines.map(|entry| &*entry.line).filter(is_confirmed).map(ready).collect();
    ready.into_iter().for_each(|fact| stock.record(StockEvent::GoodsReady(fact)));
}

/// Reallocates lines after a change of a batch's ETA.
///
/// A batch that comes later keeps its lines, except those that another batch can serve earlier:
/// first the lines that would be too late, then the others, both in rank order. A batch that comes
/// earlier may be in time for short lines.
pub(super) fn reallocate_after_eta_change(
    stock: &mut Recorder<Stock>,
    fact: &BatchEtaChanged,
    now: UnixMillis,
) {
    if fact.to > fact.from {
        let today = Day::of(now);
        let Some(promise) = stock.totals(&fact.batch).map(|it| it.promise(today)) else {
            return;
        };
        move_to_earlier_batches(stock, &fact.batch, Some(promise), now);
        move_to_earlier_batches(stock, &fact.batch, None, now);
    }
    allocate_short_lines(stock, &fact.batch, now);
}

fn move_to_earlier_batches(
    stock: &mut Recorder<Stock>,
    delayed: &BatchReference,
    too_late: Option<Day>,
    now: UnixMillis,
) {
    let today = Day::of(now);
    let is_other = |it: &&Batch| it.totals.reference != *delayed;
    let Some(delayed_day) = stock.totals(delayed).map(|it| it.promise(today)) else {
        return;
    };
    let earlier: Vec<BatchReference> = stock
        .candidates()
        .filter(is_other)
        .filter(|it| it.totals.promise(today) < delayed_day)
        .map(|it| it.totals.reference.clone())
        .collect();
    for reference in earlier {
        loop {
            let (Some(batch), Some(from)) = (stock.batch(&reference), stock.batch(delayed)) else {
                return;
            };
            let (available, day) = (batch.totals.available(), batch.totals.promise(today));
            let expired = batch.totals.expires.is_some_and(|expires| expires <= day);
            let fit = FitCriteria { available, day, too_late };
            let entry = if expired { None } else { from.lines.first_fit(&fit) };
            let Some(key) = entry.map(|entry| entry.line.key.clone()) else {
                break;
            };
            record_deallocated(stock, &key, "the batch comes later");
            let placed = place_again(stock, &key, now);
            debug_assert!(placed, "the batch was found to fit");
        }
    }
}

/// Deallocates lines of a batch until the rest fits. Held lines lose their stock first, then those
/// with the lowest priority, then the latest. The facts are recorded in rank order.
pub(super) fn deallocate_lowest_ranked(stock: &mut Recorder<Stock>, batch: &BatchReference) {
    let Some(it) = stock.batch(batch) else { return };
    let mut missing = it.totals.allocated.saturating_sub(it.totals.purchased);
    let (mut deallocated, mut rank) = (Vec::new(), None);
    while missing > 0 {
        let Some(entry) = it.lines.last_before(rank) else { break };
        missing = missing.saturating_sub(entry.quantity);
        rank = Some(entry.rank);
        deallocated.push(entry.line.key.clone());
    }
    deallocated.iter().rev().for_each(|key| record_deallocated(stock, key, "the batch shrank"));
}

/// Records that an allocated line lost its batch.
pub(super) fn record_deallocated(stock: &mut Recorder<Stock>, key: &LineKey, reason: &str) {
    let Some(line) = stock.line(key) else { return };
    let LineStatus::Allocated { batch, held_until, .. } = &line.status else {
        return;
    };
    stock.record(StockEvent::Deallocated(Deallocated {
        line: key.clone(),
        quantity: line.open(),
        batch: batch.clone(),
        held: held_until.is_some(),
        reason: reason.to_owned(),
    }));
}
