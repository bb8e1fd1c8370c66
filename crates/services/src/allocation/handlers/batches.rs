//! Handlers of commands on batches.

use earmark_contracts::allocation::{
    BatchChanged, BatchCreated as Created, BatchRefused, ChangeBatch, CloseBatch, CreateBatch,
    batch_etag,
};
use earmark_contracts::values::{BatchReference, Day, Level};
use earmark_kernel::{Recorder, UnixMillis};
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::allocation::batch_totals::BatchTotals;
use crate::allocation::events::{BatchCreated, BatchEtaChanged, BatchResized, StockEvent};
use crate::allocation::expiry::close;
use crate::allocation::keys::sku_of;
use crate::allocation::moved_lines::moved_lines;
use crate::allocation::placing::allocate_short_lines;
use crate::allocation::reallocation::deallocate_lowest_ranked;
use crate::allocation::reason::truncated;
use crate::allocation::reference::{Claimed, Reference, ReferenceEvent};
use crate::allocation::steps::{AddBatch, ClaimReference};
use crate::allocation::stock::Stock;

/// Claims a reference for a SKU, unless another SKU has claimed it.
pub(in crate::allocation) fn claim_reference(
    reference: &mut Recorder<Reference>,
    command: ClaimReference,
    _: UnixMillis,
) -> Result<(), BatchRefused> {
    match &reference.sku {
        None => {
            reference.record(ReferenceEvent::Claimed(Claimed { sku: command.sku }));
            Ok(())
        }
        Some(sku) if *sku == command.sku => Ok(()),
        Some(_) => {
            let differs = "sku".to_owned();
            Err(BatchRefused::BatchExists { reference: command.reference, differs })
        }
    }
}

/// Creates a batch. Creating the same batch again changes nothing.
pub(in crate::allocation) fn add_batch(
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
    let totals = stock.totals(&command.reference).expect("the batch was created just now");
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

/// Changes the quantity or the ETA of a batch, or both.
pub(in crate::allocation) fn change_batch(
    stock: &mut Recorder<Stock>,
    command: ChangeBatch,
    now: UnixMillis,
) -> Result<BatchChanged, BatchRefused> {
    let unconditional = ChangeBatch { if_match: Vec::new(), ..command.clone() };
    let plan = plan(stock, &unconditional, now);
    let totals = open_batch(stock, &command.reference, &command.if_match, &plan)?.clone();
    let batch = command.reference;
    if let Some(to) = command.eta.filter(|to| *to != totals.eta) {
        let (reason, day) = (truncated(&command.reason), Day::of(now));
        let from = totals.eta;
        let batch = batch.clone();
        stock.record(StockEvent::BatchEtaChanged(BatchEtaChanged { batch, from, to, day, reason }));
        stock.follow();
    }
    if let Some(to) = command.quantity.map(Level::units).filter(|to| *to != totals.purchased) {
        let (from, reason) = (totals.purchased, truncated(&command.reason));
        let changed = BatchResized { batch: batch.clone(), from, to, reason };
        stock.record(StockEvent::BatchResized(changed));
        deallocate_lowest_ranked(stock, &batch);
        stock.follow();
        // Lines are deallocated whole, so units may be left. Short lines get them only after all
        // deallocated lines were reallocated.
        allocate_short_lines(stock, &batch, now);
    }
    Ok(changed(stock, &batch, plan))
}

/// Closes a batch.
pub(in crate::allocation) fn close_batch(
    stock: &mut Recorder<Stock>,
    command: CloseBatch,
    now: UnixMillis,
) -> Result<BatchChanged, BatchRefused> {
    let unconditional = CloseBatch { if_match: Vec::new(), ..command.clone() };
    let plan = plan(stock, &unconditional, now);
    open_batch(stock, &command.reference, &command.if_match, &plan)?;
    close(stock, &command.reference, false, &command.reason);
    stock.follow();
    Ok(changed(stock, &command.reference, plan))
}

/// The totals of an open batch that meets the preconditions.
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

/// Identifies a command on the current version of a stock and on the current day: a command with
/// the same plan has the same effect.
fn plan(stock: &Recorder<Stock>, command: &impl Serialize, now: UnixMillis) -> String {
    let basis = (sku_of(stock), stock.version(), Day::of(now), command);
    let basis = serde_json::to_vec(&basis).expect("commands are plain data");
    format!("plan-{:016x}", xxh3_64(&basis))
}

fn changed(stock: &Recorder<Stock>, reference: &BatchReference, plan: String) -> BatchChanged {
    let totals = stock.totals(reference).expect("the command has found the batch");
    let batch = totals.state(&sku_of(stock));
    BatchChanged { batch, moved: moved_lines(stock.recorded()), plan }
}
