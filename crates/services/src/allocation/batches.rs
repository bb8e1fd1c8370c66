//! What is decided about batches: they come, change and end, and their lines are planned anew.

use earmark_contracts::allocation::{
    BatchChanged, BatchCreated as Created, BatchRefused, ChangeBatch, CloseBatch, CreateBatch,
    batch_etag,
};
use earmark_contracts::values::{BatchReference, Day, Level};
use earmark_kernel::{Recorder, UnixMillis, failpoint};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::batch_totals::{BatchTotals, Place};
use super::events::{
    BatchClosed, BatchCreated, BatchEtaChanged, BatchQuantityChanged, Deallocated, HoldEnded,
    LineKey, OutOfStock, Released, Returned, StockEvent,
};
use super::handlers::{kept, sku_of};
use super::moves::moved_lines;
use super::placing::{fill, place_again};
use super::ranking::FitCriteria;
use super::reference::{Reference, ReferenceEvent};
use super::steps::{AddBatch, ClaimReference};
use super::stock::Stock;

/// A reference belongs to the SKU that claims it first.
pub(super) fn claim_reference(
    reference: &mut Recorder<Reference>,
    command: ClaimReference,
    _: UnixMillis,
) -> Result<(), BatchRefused> {
    match &reference.sku {
        None => {
            reference.record(ReferenceEvent::Claimed { sku: command.sku });
            Ok(())
        }
        Some(sku) if *sku == command.sku => Ok(()),
        Some(_) => {
            let differs = "sku".to_owned();
            Err(BatchRefused::BatchExists { reference: command.reference, differs })
        }
    }
}

/// A batch comes into being; the same again changes nothing.
pub(super) fn add_batch(
    stock: &mut Recorder<Stock>,
    AddBatch(command): AddBatch,
    _: UnixMillis,
) -> Result<Created, BatchRefused> {
    if let Some(existing) = stock.batch(&command.reference) {
        if let Some(differs) = difference(&existing.created, &command) {
            let differs = differs.to_owned();
            return Err(BatchRefused::BatchExists { reference: command.reference, differs });
        }
        let batch = existing.totals.state(&command.sku);
        return Ok(Created { existed: true, batch, moved: Vec::new() });
    }
    stock.record(StockEvent::BatchCreated(BatchCreated {
        batch: command.reference.clone(),
        quantity: command.quantity.units(),
        eta: command.eta,
        expires: command.expires,
    }));
    stock.follow();
    let totals = stock.totals(&command.reference).expect("it was created just now");
    let batch = totals.state(&command.sku);
    Ok(Created { existed: false, batch, moved: moved_lines(stock.recorded()) })
}

fn difference(batch: &BatchCreated, command: &CreateBatch) -> Option<&'static str> {
    match () {
        () if batch.quantity != command.quantity.units() => Some("quantity"),
        () if batch.eta != command.eta => Some("eta"),
        () if batch.expires != command.expires => Some("expires"),
        () => None,
    }
}

/// A batch turns out larger or smaller, later or earlier.
pub(super) fn change_batch(
    stock: &mut Recorder<Stock>,
    command: ChangeBatch,
    now: UnixMillis,
) -> Result<BatchChanged, BatchRefused> {
    let asked = ChangeBatch { if_match: Vec::new(), ..command.clone() };
    let plan = plan(stock, &asked, now);
    let totals = open_batch(stock, &command.reference, &command.if_match, &plan)?.clone();
    let batch = command.reference;
    if let Some(to) = command.eta.filter(|to| *to != totals.eta) {
        let (reason, day) = (kept(&command.reason), Day::of(now));
        let from = totals.eta;
        let batch = batch.clone();
        stock.record(StockEvent::BatchEtaChanged(BatchEtaChanged { batch, from, to, day, reason }));
        stock.follow();
    }
    if let Some(to) = command.quantity.map(Level::units).filter(|to| *to != totals.purchased) {
        let (from, reason) = (totals.purchased, kept(&command.reason));
        let changed = BatchQuantityChanged { batch: batch.clone(), from, to, reason };
        stock.record(StockEvent::BatchQuantityChanged(changed));
        deallocate_lowest_ranked(stock, &batch);
        stock.follow();
        // What whole lines have left free goes to others only when all losers had their turn.
        fill(stock, &batch, now);
    }
    Ok(changed(stock, &batch, plan))
}

/// A batch is withdrawn.
pub(super) fn close_batch(
    stock: &mut Recorder<Stock>,
    command: CloseBatch,
    now: UnixMillis,
) -> Result<BatchChanged, BatchRefused> {
    let asked = CloseBatch { if_match: Vec::new(), ..command.clone() };
    let plan = plan(stock, &asked, now);
    open_batch(stock, &command.reference, &command.if_match, &plan)?;
    withdraw(stock, &command.reference, false, &command.reason);
    stock.follow();
    Ok(changed(stock, &command.reference, plan))
}

/// What runs before every command: holds that are over end, batches whose day has come expire, one
/// after another as if each had been looked at in time.
pub(super) fn expire_due(stock: &mut Recorder<Stock>, now: UnixMillis) {
    loop {
        let hold = stock.next_hold_end().filter(|(until, _)| *until <= now);
        let hold = hold.filter(|_| !failpoint::is_on("hold-after-expiry"));
        let expiry = stock.next_expiry().map(|(day, batch)| (day.begin(), batch));
        let expiry = expiry.filter(|(begin, _)| *begin <= now);
        match (hold, expiry) {
            (None, None) => return,
            (Some((_, key)), None) => end_hold(stock, &key.clone()),
            (Some((until, key)), Some((begin, _))) if *until <= begin => {
                end_hold(stock, &key.clone());
            }
            (_, Some((_, batch))) => {
                let reference = batch.totals.reference.clone();
                withdraw(stock, &reference, true, "it has expired");
            }
        }
        stock.follow();
    }
}

fn end_hold(stock: &mut Recorder<Stock>, key: &LineKey) {
    let line = stock.line(key).expect("a hold is a line");
    let (quantity, batch) = (line.open(), line.batch().cloned());
    let (line, reason) = (key.clone(), "it was not confirmed in time".to_owned());
    stock.record(StockEvent::HoldEnded(HoldEnded { line, quantity, batch, reason }));
}

fn withdraw(stock: &mut Recorder<Stock>, batch: &BatchReference, expired: bool, reason: &str) {
    let closed = BatchClosed { batch: batch.clone(), expired, reason: kept(reason) };
    stock.record(StockEvent::BatchClosed(closed));
    let lines = stock.batch(batch).into_iter().flat_map(|it| it.lines.all());
    let keys: Vec<LineKey> = lines.map(|entry| entry.line.key.clone()).collect();
    let why = if expired { "the batch has expired" } else { "the batch was closed" };
    keys.iter().for_each(|key| take_off(stock, key, why));
}

/// Takes lines off a batch until what is promised of it is there. Who loses first: held lines, then
/// the lowest priority, then the latest. They are recorded in the order in which they are served.
fn deallocate_lowest_ranked(stock: &mut Recorder<Stock>, batch: &BatchReference) {
    let Some(it) = stock.batch(batch) else { return };
    let mut missing = it.totals.allocated.saturating_sub(it.totals.purchased);
    let (mut losers, mut after) = (Vec::new(), None);
    while missing > 0 {
        let Some(entry) = it.lines.loses_after(after) else { break };
        missing = missing.saturating_sub(entry.quantity);
        after = Some(entry.rank);
        losers.push(entry.line.key.clone());
    }
    losers.iter().rev().for_each(|key| take_off(stock, key, "the batch shrank"));
}

fn take_off(stock: &mut Recorder<Stock>, key: &LineKey, reason: &str) {
    let Some(line) = stock.line(key) else { return };
    let Place::In { batch, held_until, .. } = &line.place else {
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

/// A line that lost its place is placed again at once, or waits (a hold ends).
pub(super) fn reallocate(stock: &mut Recorder<Stock>, fact: &Deallocated, now: UnixMillis) {
    let Some(line) = stock.line(&fact.line) else {
        return;
    };
    let Place::Short { held_until } = line.place else {
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
            stock.record(StockEvent::OutOfStock(OutOfStock { sku, line, quantity, queued }));
        }
    }
}

/// A new batch goes to the lines that wait.
pub(super) fn fill_new_batch(stock: &mut Recorder<Stock>, fact: &BatchCreated, now: UnixMillis) {
    fill(stock, &fact.batch, now);
}

/// What a batch gained goes to the lines that wait.
pub(super) fn fill_changed_batch(
    stock: &mut Recorder<Stock>,
    fact: &BatchQuantityChanged,
    now: UnixMillis,
) {
    if fact.to > fact.from {
        fill(stock, &fact.batch, now);
    }
}

/// A released place goes to the lines that wait.
pub(super) fn fill_released_place(stock: &mut Recorder<Stock>, fact: &Released, now: UnixMillis) {
    if let Some(batch) = &fact.batch {
        fill(stock, batch, now);
    }
}

/// The place of a hold that ended goes to the lines that wait.
pub(super) fn fill_held_place(stock: &mut Recorder<Stock>, fact: &HoldEnded, now: UnixMillis) {
    if let Some(batch) = &fact.batch {
        fill(stock, batch, now);
    }
}

/// Goods that came back go to the lines that wait.
pub(super) fn fill_with_returned(stock: &mut Recorder<Stock>, fact: &Returned, now: UnixMillis) {
    if let Some(batch) = &fact.batch {
        fill(stock, batch, now);
    }
}

/// A batch that comes later keeps its lines, but for those that another batch serves earlier: first
/// the lines that would be too late, then the others, each in the order in which they are served.
/// A batch that comes earlier may be in time for lines that wait.
pub(super) fn replan_for_eta(stock: &mut Recorder<Stock>, fact: &BatchEtaChanged, now: UnixMillis) {
    if fact.to > fact.from {
        let today = Day::of(now);
        let Some(promise) = stock.totals(&fact.batch).map(|it| it.promise(today)) else {
            return;
        };
        move_to_earlier(stock, &fact.batch, Some(promise), now);
        move_to_earlier(stock, &fact.batch, None, now);
    }
    fill(stock, &fact.batch, now);
}

fn move_to_earlier(
    stock: &mut Recorder<Stock>,
    slipped: &BatchReference,
    too_late: Option<Day>,
    now: UnixMillis,
) {
    let today = Day::of(now);
    let better = |it: &&super::stock::Batch| it.totals.reference != *slipped;
    let Some(slipped_day) = stock.totals(slipped).map(|it| it.promise(today)) else {
        return;
    };
    let earlier: Vec<BatchReference> = stock
        .offered()
        .filter(better)
        .filter(|it| it.totals.promise(today) < slipped_day)
        .map(|it| it.totals.reference.clone())
        .collect();
    for reference in earlier {
        loop {
            let (Some(batch), Some(from)) = (stock.batch(&reference), stock.batch(slipped)) else {
                return;
            };
            let (available, day) = (batch.totals.available(), batch.totals.promise(today));
            let expired = batch.totals.expires.is_some_and(|expires| expires <= day);
            let fit = FitCriteria { available, day, too_late };
            let entry = if expired { None } else { from.lines.first_fit(&fit) };
            let Some(key) = entry.map(|entry| entry.line.key.clone()) else {
                break;
            };
            take_off(stock, &key, "the batch comes later");
            let placed = place_again(stock, &key, now);
            debug_assert!(placed, "a batch that fits was found before");
        }
    }
}

fn open_batch<'a>(
    stock: &'a Recorder<Stock>,
    reference: &BatchReference,
    if_match: &[String],
    plan: &str,
) -> Result<&'a BatchTotals, BatchRefused> {
    let totals = stock.totals(reference);
    let totals =
        totals.ok_or_else(|| BatchRefused::UnknownBatch { reference: reference.clone() })?;
    let etag = batch_etag(&totals.state(&sku_of(stock)));
    if !if_match.is_empty() && !if_match.iter().any(|it| *it == etag || it == plan) {
        return Err(BatchRefused::Changed { reference: reference.clone(), etag });
    }
    if totals.closed.is_some() {
        return Err(BatchRefused::BatchClosed { reference: reference.clone() });
    }
    Ok(totals)
}

/// Names a command on the stock as it is today: while that is so, it does what its dry run said.
fn plan(stock: &Recorder<Stock>, command: &impl Serialize, now: UnixMillis) -> String {
    let basis = (sku_of(stock), stock.version(), Day::of(now), command);
    let basis = serde_json::to_vec(&basis).expect("commands are plain data");
    format!("plan-{:016x}", xxh3_64(&basis))
}

fn changed(stock: &Recorder<Stock>, reference: &BatchReference, plan: String) -> BatchChanged {
    let totals = stock.totals(reference).expect("the command has found it");
    let batch = totals.state(&sku_of(stock));
    BatchChanged { batch, moved: moved_lines(stock.recorded()), plan }
}
