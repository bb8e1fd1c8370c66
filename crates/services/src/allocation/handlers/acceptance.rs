//! Acceptance of a line, to be allocated or held.

use earmark_contracts::allocation::{AllocateRefused, Outcome, Placement, WhenShort};
use earmark_contracts::values::{Day, Priority, Sku};
use earmark_kernel::{Recorder, UnixMillis, failpoint};

use super::lookup::line_state;
use crate::allocation::events::{Allocated, LineKey, Queued, Round, StockEvent, StockExhausted};
use crate::allocation::line::{Line, LineStatus};
use crate::allocation::placing::{Choice, Demand, available_in_time, choose, earliest, explain};
use crate::allocation::stock::Stock;

/// A line as a command requests it.
pub(super) struct LineRequest {
    pub(super) sku: Sku,
    pub(super) key: LineKey,
    pub(super) quantity: u32,
    pub(super) need_by: Option<Day>,
    pub(super) priority: Priority,
    pub(super) held_until: Option<UnixMillis>,
    pub(super) reservation: Option<Round>,
}

/// Allocates a new line to the first batch that takes it whole. A line that was accepted before is
/// not changed.
pub(super) fn accept(
    stock: &mut Recorder<Stock>,
    request: &LineRequest,
    short: WhenShort,
    now: UnixMillis,
) -> Result<Placement, AllocateRefused> {
    if !stock.exists() {
        return Err(AllocateRefused::UnknownSku { sku: request.sku.clone() });
    }
    let today = Day::of(now);
    let existing = stock.line(&request.key).filter(|line| !line.ended());
    if let Some(line) = existing.filter(|_| !failpoint::is_on("no-once-check")) {
        if let Some(differs) = difference(line, request) {
            let LineKey { order_id, line_id } = request.key.clone();
            let differs = differs.to_owned();
            return Err(AllocateRefused::LineExists { order_id, line_id, differs });
        }
        let outcome = outcome(stock, request, line, today);
        return Ok(Placement { already_accepted: true, outcome });
    }
    let demand = Demand { quantity: request.quantity, need_by: request.need_by, today };
    let Choice { chosen, passed_over } = choose(stock, demand);
    if let Some((batch, promised)) = chosen {
        stock.record(StockEvent::Allocated(Allocated {
            line: request.key.clone(),
            quantity: request.quantity,
            batch,
            day: today,
            promised,
            need_by: request.need_by,
            priority: request.priority,
            held_until: request.held_until,
            reservation: request.reservation,
            passed_over,
            again: false,
        }));
    } else {
        let queued = short == WhenShort::Queue;
        record_out_of_stock(stock, request, queued);
        if !queued {
            let outcome = out_of_stock(stock, request, demand);
            return Ok(Placement { already_accepted: false, outcome });
        }
    }
    let line = stock.line(&request.key).expect("the line was accepted just now");
    Ok(Placement { already_accepted: false, outcome: outcome(stock, request, line, today) })
}

fn record_out_of_stock(stock: &mut Recorder<Stock>, request: &LineRequest, queued: bool) {
    let (line, quantity) = (request.key.clone(), request.quantity);
    if queued {
        let LineRequest { need_by, priority, reservation, .. } = *request;
        let line = line.clone();
        let queued = Queued { line, quantity, need_by, priority, reservation };
        stock.record(StockEvent::Queued(queued));
    }
    let sku = request.sku.clone();
    stock.record(StockEvent::StockExhausted(StockExhausted { sku, line, quantity, queued }));
}

fn out_of_stock(stock: &Stock, request: &LineRequest, demand: Demand) -> Outcome {
    Outcome::OutOfStock {
        sku: request.sku.clone(),
        requested: request.quantity,
        available: available_in_time(stock, demand),
        earliest: earliest(stock, demand),
    }
}

/// The field in which an existing line differs from a request: `line_id` if only one of the two is
/// a hold.
pub(super) fn difference(line: &Line, request: &LineRequest) -> Option<&'static str> {
    let held = line.held_until().is_some() || line.status == LineStatus::Missing;
    match () {
        () if line.quantity != request.quantity => Some("quantity"),
        () if held != request.held_until.is_some() => Some("line_id"),
        () if line.need_by != request.need_by => Some("need_by"),
        () if line.priority != request.priority => Some("priority"),
        () => None,
    }
}

fn outcome(stock: &Stock, request: &LineRequest, line: &Line, today: Day) -> Outcome {
    let state = line_state(stock, &request.key, &request.sku, line);
    if let LineStatus::Short { .. } = line.status {
        let demand = Demand { quantity: line.open(), need_by: line.need_by, today };
        return Outcome::Short { line: state, earliest: earliest(stock, demand) };
    }
    Outcome::Placed { line: state, explanation: explain(stock, line) }
}
