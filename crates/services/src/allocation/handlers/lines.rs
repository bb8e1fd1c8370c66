//! Handlers of commands on lines.

use earmark_contracts::allocation::{
    Allocate, AllocateRefused, Deallocate, LineRefused, LineReleased, Placement,
};
use earmark_kernel::{Recorder, UnixMillis};

use super::acceptance::{LineRequest, accept};
use super::lookup::{existing_line, line_state, wrong_phase};
use crate::allocation::events::{LineKey, Released, StockEvent};
use crate::allocation::keys::sku_of;
use crate::allocation::line::LineStatus;
use crate::allocation::moved_lines::moved_lines;
use crate::allocation::reason::truncated;
use crate::allocation::stock::Stock;

/// Allocates a line.
pub(in crate::allocation) fn allocate(
    stock: &mut Recorder<Stock>,
    command: Allocate,
    now: UnixMillis,
) -> Result<Placement, AllocateRefused> {
    let key = LineKey { line_id: command.line(), order_id: command.order_id };
    let request = LineRequest {
        sku: command.sku,
        key,
        quantity: command.quantity.units(),
        need_by: command.need_by,
        priority: command.priority,
        held_until: None,
        reservation: None,
    };
    accept(stock, &request, command.short, now)
}

/// Releases a line that is allocated, held or short.
pub(in crate::allocation) fn deallocate(
    stock: &mut Recorder<Stock>,
    command: Deallocate,
    _: UnixMillis,
) -> Result<LineReleased, LineRefused> {
    let key = LineKey { order_id: command.order_id, line_id: command.line_id };
    let line = existing_line(stock, &key)?;
    match line.status {
        LineStatus::Missing => Err(wrong_phase(stock, &key, line, "release the hold of its order")),
        LineStatus::Allocated { held_until: Some(_), .. } if line.reservation.is_some() => {
            Err(wrong_phase(stock, &key, line, "release or confirm the hold of its order"))
        }
        LineStatus::Allocated { .. } | LineStatus::Short { .. } => {
            Ok(release(stock, &key, &command.reason))
        }
        _ => Err(wrong_phase(stock, &key, line, "it must be placed, held or short")),
    }
}

/// Releases an existing line and allocates its units to short lines.
pub(super) fn release(stock: &mut Recorder<Stock>, key: &LineKey, reason: &str) -> LineReleased {
    let line = stock.line(key).expect("the caller has found the line").clone();
    stock.record(StockEvent::Released(Released {
        line: key.clone(),
        quantity: line.open(),
        batch: line.batch().cloned(),
        held: line.held_until().is_some(),
        reason: truncated(reason),
    }));
    let sku = sku_of(stock);
    // The stock no longer has the line.
    let mut after = line;
    after.evolve(&stock.recorded()[stock.recorded().len() - 1]);
    let state = line_state(stock, key, &sku, &after);
    stock.follow();
    LineReleased { line: state, moved: moved_lines(stock.recorded()) }
}
