//! Handlers of commands on goods: shipments and returns.

use earmark_contracts::allocation::{Disposition, GoodsMoved, LineRefused, Return, Ship};
use earmark_contracts::values::{BatchReference, QUANTITY_MAX, Quantity};
use earmark_kernel::{Recorder, UnixMillis};

use super::lookup::{existing_line, line_state, unknown_line, wrong_phase};
use crate::allocation::events::{LineKey, Returned, Shipped, StockEvent};
use crate::allocation::keys::sku_of;
use crate::allocation::line::{Line, LineStatus};
use crate::allocation::moved_lines::moved_lines;
use crate::allocation::stock::Stock;

/// Ships units of a line: they leave the batch and its allocated units in one fact.
pub(in crate::allocation) fn ship(
    stock: &mut Recorder<Stock>,
    command: Ship,
    _: UnixMillis,
) -> Result<GoodsMoved, LineRefused> {
    let key = LineKey { order_id: command.order_id, line_id: command.line_id };
    let line = existing_line(stock, &key)?;
    let LineStatus::Allocated { batch, held_until: None, .. } = &line.status else {
        return Err(wrong_phase(stock, &key, line, "it must be placed; release or confirm a hold"));
    };
    let quantity = command.quantity.map_or(line.open(), Quantity::units);
    if quantity > line.open() {
        let (requested, possible) = (quantity, line.open());
        return Err(LineRefused::TooMany { requested, possible });
    }
    let batch = batch.clone();
    if stock.totals(&batch).is_none_or(|it| it.eta.is_some()) {
        return Err(LineRefused::NotInWarehouse { batch });
    }
    let finished = quantity == line.open();
    let (line, from) = (key.clone(), batch.clone());
    stock.record(StockEvent::Shipped(Shipped { line, quantity, batch: from, finished }));
    stock.follow();
    Ok(goods_moved(stock, &key, Some(&batch)))
}

/// Accepts returned units: restocks them, which makes them available to other lines, or writes
/// them off.
pub(in crate::allocation) fn accept_return(
    stock: &mut Recorder<Stock>,
    command: Return,
    _: UnixMillis,
) -> Result<GoodsMoved, LineRefused> {
    let key = LineKey { order_id: command.order_id, line_id: command.line_id };
    let line = existing_line(stock, &key)?;
    let (quantity, possible) = (command.quantity.units(), line.shipped - line.returned);
    if line.shipped == 0 {
        return Err(wrong_phase(stock, &key, line, "nothing of it has left"));
    }
    if quantity > possible {
        return Err(LineRefused::TooMany { requested: quantity, possible });
    }
    let batch = match command.disposition {
        Disposition::WriteOff => None,
        Disposition::Restock => Some(restock_batch(stock, &key, line, command.batch, quantity)?),
    };
    let (line, into, disposition) = (key.clone(), batch.clone(), command.disposition);
    stock.record(StockEvent::Returned(Returned { line, quantity, disposition, batch: into }));
    stock.follow();
    Ok(goods_moved(stock, &key, batch.as_ref()))
}

/// The batch into which returned units are restocked: the requested one, or the one from which the
/// line was last shipped.
fn restock_batch(
    stock: &Stock,
    key: &LineKey,
    line: &Line,
    requested: Option<BatchReference>,
    quantity: u32,
) -> Result<BatchReference, LineRefused> {
    let shipped_from = || line.shipped_from.as_deref().cloned();
    let batch = requested.or_else(shipped_from).ok_or_else(|| unknown_line(key))?;
    let Some(totals) = stock.totals(&batch) else {
        return Err(LineRefused::UnknownBatch { batch });
    };
    if totals.eta.is_some() || totals.closed.is_some() {
        return Err(LineRefused::NotInWarehouse { batch });
    }
    let room = QUANTITY_MAX - totals.purchased;
    if quantity > room {
        return Err(LineRefused::TooMany { requested: quantity, possible: room });
    }
    Ok(batch)
}

fn goods_moved(
    stock: &Recorder<Stock>,
    key: &LineKey,
    batch: Option<&BatchReference>,
) -> GoodsMoved {
    let sku = sku_of(stock);
    let line = stock.line(key).expect("the line was changed just now");
    GoodsMoved {
        line: line_state(stock, key, &sku, line),
        batch: batch.and_then(|it| stock.totals(it)).map(|totals| totals.state(&sku)),
        moved: moved_lines(stock.recorded()),
    }
}
