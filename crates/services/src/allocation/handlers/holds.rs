//! Handlers of the steps that hold, confirm and release single lines.

use earmark_contracts::allocation::{
    AllocateRefused, LineRefused, LineReleased, LineState, Placement, WhenShort,
};
use earmark_contracts::values::Priority;
use earmark_kernel::{Recorder, UnixMillis};

use super::acceptance::{LineRequest, accept};
use super::lines::release;
use super::lookup::{existing_line, line_state, wrong_phase};
use crate::allocation::events::{HoldConfirmed, LineKey, StockEvent};
use crate::allocation::line::LineStatus;
use crate::allocation::steps::{ConfirmOne, HoldOne, ReleaseOne};
use crate::allocation::stock::Stock;

/// Allocates a line for a limited time.
pub(in crate::allocation) fn hold_one(
    stock: &mut Recorder<Stock>,
    command: HoldOne,
    now: UnixMillis,
) -> Result<Placement, AllocateRefused> {
    let request = LineRequest {
        sku: command.sku,
        key: LineKey { order_id: command.order_id, line_id: command.line_id },
        quantity: command.quantity.units(),
        need_by: None,
        priority: Priority::default(),
        held_until: Some(now.plus_ms(i64::from(command.ttl_s) * 1_000)),
    };
    accept(stock, &request, WhenShort::Reject, now)
}

/// Confirms a held line: it stays in its batch and no longer expires.
pub(in crate::allocation) fn confirm_one(
    stock: &mut Recorder<Stock>,
    command: ConfirmOne,
    _: UnixMillis,
) -> Result<LineState, LineRefused> {
    let key = LineKey { order_id: command.order_id, line_id: command.line_id };
    let line = existing_line(stock, &key)?;
    match &line.status {
        LineStatus::Allocated { held_until: None, .. } => {}
        LineStatus::Allocated { batch, .. } => {
            let (batch, quantity) = (batch.clone(), line.open());
            let line = key.clone();
            stock.record(StockEvent::HoldConfirmed(HoldConfirmed { line, quantity, batch }));
        }
        _ => return Err(wrong_phase(stock, &key, line, "it must be held")),
    }
    let line = stock.line(&key).expect("a confirmed line still exists");
    Ok(line_state(stock, &key, &command.sku, line))
}

/// Releases a held line, or removes one whose hold has ended.
pub(in crate::allocation) fn release_one(
    stock: &mut Recorder<Stock>,
    command: ReleaseOne,
    _: UnixMillis,
) -> Result<LineReleased, LineRefused> {
    let key = LineKey { order_id: command.order_id, line_id: command.line_id };
    let line = existing_line(stock, &key)?;
    if line.held_until().is_none() && line.status != LineStatus::HoldEnded {
        return Err(wrong_phase(stock, &key, line, "it must be held"));
    }
    Ok(release(stock, &key, "the hold was released"))
}
