//! Expiry of holds and batches, and the closing of batches.

use earmark_contracts::values::BatchReference;
use earmark_kernel::{Recorder, UnixMillis, failpoint};

use super::events::{BatchClosed, HoldEnded, LineKey, StockEvent};
use super::reallocation::record_deallocated;
use super::reason::truncated;
use super::stock::Stock;

/// Runs before every command: ends holds and expires batches that are due, in the order of their
/// times, so that the result does not depend on when the stock was last used.
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
                close(stock, &reference, true, "it has expired");
            }
        }
        stock.follow();
    }
}

/// Ends the hold of a line that was not confirmed in time.
pub(super) fn end_hold(stock: &mut Recorder<Stock>, key: &LineKey) {
    let line = stock.line(key).expect("a hold belongs to a line");
    let (quantity, batch) = (line.open(), line.batch().cloned());
    let (line, reason) = (key.clone(), "it was not confirmed in time".to_owned());
    stock.record(StockEvent::HoldEnded(HoldEnded { line, quantity, batch, reason }));
}

/// Closes a batch and deallocates its lines.
pub(super) fn close(
    stock: &mut Recorder<Stock>,
    batch: &BatchReference,
    expired: bool,
    reason: &str,
) {
    let closed = BatchClosed { batch: batch.clone(), expired, reason: truncated(reason) };
    stock.record(StockEvent::BatchClosed(closed));
    let lines = stock.batch(batch).into_iter().flat_map(|it| it.lines.all());
    let keys: Vec<LineKey> = lines.map(|entry| entry.line.key.clone()).collect();
    let reason = if expired { "the batch has expired" } else { "the batch was closed" };
    keys.iter().for_each(|key| record_deallocated(stock, key, reason));
}
