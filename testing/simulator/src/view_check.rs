//! Compares the views with the auditor's model: they match the log, nothing is oversold, and no
//! line waits that would fit into a batch.

use std::collections::BTreeMap;

use earmark_contracts::allocation::{
    BatchPhase, BatchState, GetLines, GetStock, LinePhase, LineState, SHORT_LINES_MAX, StockDetail,
};
use earmark_contracts::values::{Day, OrderId, Sku, Text};
use earmark_kernel::{Bus, Failure};

use crate::reservation_model::Reservations;
use crate::stock_model::{Allocation, Batch, Line, LineId, StockModel};

/// The result of a comparison; the inner error is a storage that could not be read.
pub(crate) type Compared = Result<Result<(), Failure>, String>;

/// Compares the stock of a SKU.
pub(crate) fn compare_stock(bus: &Bus, model: &StockModel, sku: &str, today: Day) -> Compared {
    let name = Sku(Text::parse(sku).map_err(|error| error.to_string())?);
    let detail = match bus.ask(GetStock { sku: name }) {
        Ok(detail) => detail,
        Err(failure) => return Ok(Err(failure)),
    };
    let known: BTreeMap<&String, &Batch> =
        model.batches.iter().filter(|(_, it)| it.sku == sku).collect();
    let Some(detail) = detail else {
        let nothing = known.is_empty();
        return if nothing { Ok(Ok(())) } else { Err(format!("the view has no stock of {sku}")) };
    };
    let seen = detail.batches.iter().map(|it| (it.reference.0.to_string(), batch(it)));
    let seen: BTreeMap<String, Batch> = seen.collect();
    if !seen.iter().eq(known.iter().map(|(key, it)| (*key, *it))) {
        return Err(format!("the view of {sku} has {seen:?}, the log says {known:?}"));
    }
    detail.batches.iter().try_for_each(conserved)?;
    waiting(&detail, model, sku)?;
    nothing_short_fits(&detail, today)?;
    Ok(Ok(()))
}

fn batch(it: &BatchState) -> Batch {
    let is_open = matches!(it.state, BatchPhase::InWarehouse | BatchPhase::Incoming);
    Batch {
        sku: it.sku.0.to_string(),
        purchased: i64::from(it.purchased_quantity),
        allocated: i64::from(it.allocated_quantity),
        held: i64::from(it.held_quantity),
        incoming: it.eta.is_some(),
        closed: !is_open,
        version: it.version,
    }
}

fn conserved(it: &BatchState) -> Result<(), String> {
    let is_open = matches!(it.state, BatchPhase::InWarehouse | BatchPhase::Incoming);
    let free = it.purchased_quantity.checked_sub(it.allocated_quantity);
    let available = free.map(|free| if is_open { free } else { 0 });
    if available == Some(it.available_quantity) && it.held_quantity <= it.allocated_quantity {
        return Ok(());
    }
    Err(format!("not conserved: {it:?}"))
}

fn waiting(detail: &StockDetail, model: &StockModel, sku: &str) -> Result<(), String> {
    let seen = detail.short_lines.iter();
    let seen = seen.map(|it| {
        let id = (sku.to_owned(), it.order_id.0.to_string(), it.line_id.0.to_string());
        (id, i64::from(it.quantity))
    });
    let seen: BTreeMap<_, _> = seen.collect();
    let short =
        model.lines.iter().filter(|(id, it)| id.0 == sku && it.allocation == Allocation::Short);
    let short: BTreeMap<_, _> = short.map(|(id, it)| (id.clone(), it.open())).collect();
    // Of very many lines the first ones are shown.
    let is_first = seen.len() == SHORT_LINES_MAX
        && seen.iter().all(|(id, units)| short.get(id) == Some(units));
    if seen == short || is_first {
        Ok(())
    } else {
        Err(format!("the view has {seen:?} waiting, the log says {short:?}"))
    }
}

/// A line waits only while no batch can take the whole line in time.
fn nothing_short_fits(detail: &StockDetail, today: Day) -> Result<(), String> {
    for line in &detail.short_lines {
        for batch in &detail.batches {
            let day = batch.eta.map_or(today, |eta| eta.max(today));
            let fits = batch.available_quantity >= line.quantity
                && line.need_by.is_none_or(|need_by| need_by >= day)
                && batch.expires.is_none_or(|expires| expires > day);
            if fits {
                return Err(format!("{line:?} waits although it fits into {batch:?}"));
            }
        }
    }
    Ok(())
}

/// Compares the lines of an order.
pub(crate) fn compare_order(
    bus: &Bus,
    model: &StockModel,
    reservations: &Reservations,
    order: &str,
) -> Compared {
    let order_id = OrderId(Text::parse(order).map_err(|error| error.to_string())?);
    let lines = match bus.ask(GetLines { order_id, line_id: None }) {
        Ok(lines) => lines,
        Err(failure) => return Ok(Err(failure)),
    };
    let count = lines.len();
    let seen: BTreeMap<_, _> = lines.iter().map(line).collect();
    if seen.len() != count {
        return Err(format!("a line has two allocations: {lines:?}"));
    }
    let known = model.lines.iter().filter(|(id, _)| id.1 == order);
    // The view does not show the batch of units that were shipped before the line is finished.
    let shown = |it: &Line| {
        let ends = it.reserved.then(|| reservations.until(order)).flatten();
        let held_until = it.held_until.map(|until| ends.unwrap_or(until));
        Line { shipped_from: None, held_until, reserved: false, ..it.clone() }
    };
    let known: BTreeMap<_, _> = known.map(|(id, it)| (id.clone(), shown(it))).collect();
    if seen == known {
        return Ok(Ok(()));
    }
    Err(format!("the view of order {order} has {seen:?}, the log says {known:?}"))
}

fn line(it: &LineState) -> (LineId, Line) {
    let id = (it.sku.0.to_string(), it.order_id.0.to_string(), it.line_id.0.to_string());
    let batch = it.batch.as_ref().map(|batch| batch.0.to_string()).unwrap_or_default();
    let allocation = match it.state {
        LinePhase::Short | LinePhase::Wanted => Allocation::Short,
        LinePhase::Placed => Allocation::In { batch, held: false },
        LinePhase::Held => Allocation::In { batch, held: true },
        LinePhase::Shipped => Allocation::Shipped { batch },
        LinePhase::Missing => Allocation::Missing,
        LinePhase::HoldEnded | LinePhase::Released => Allocation::HoldEnded,
    };
    let (quantity, shipped) = (i64::from(it.quantity), i64::from(it.shipped_quantity));
    let returned = i64::from(it.returned_quantity);
    let (shipped_from, held_until) = (None, it.held_until_ms);
    let reserved = false;
    (id, Line { quantity, shipped, returned, shipped_from, held_until, reserved, allocation })
}
