//! What is decided about lines: pure functions from the stock and a command to facts and an answer.

use earmark_contracts::allocation::{
    Allocate, AllocateRefused, Deallocate, Disposition, GoodsMoved, LineRefused, LineReleased,
    LineState, Outcome, Placement, Return, Ship, WhenShort,
};
use earmark_contracts::values::{Day, LineId, OrderId, Priority, QUANTITY_MAX, Quantity, Sku};
use earmark_kernel::{Recorder, UnixMillis, failpoint};

use super::batch_totals::{Line, Place};
use super::events::{
    Allocated, HoldConfirmed, LineKey, OutOfStock, Queued, Released, Returned, Shipped, StockEvent,
};
use super::moves::moved_lines;
use super::placing::{Choice, Demand, available_in_time, choose, earliest, explain};
use super::steps::{ConfirmOne, HoldOne, ReleaseOne};
use super::stock::Stock;

/// Reasons are kept up to so many characters.
const REASON_CHARS_MAX: usize = 200;

/// A line that was accepted keeps what it has; a new one gets the first batch that takes it whole.
pub(super) fn allocate(
    stock: &mut Recorder<Stock>,
    command: Allocate,
    now: UnixMillis,
) -> Result<Placement, AllocateRefused> {
    let key = LineKey { line_id: command.line(), order_id: command.order_id };
    let request = Request {
        sku: command.sku,
        key,
        quantity: command.quantity.units(),
        need_by: command.need_by,
        priority: command.priority,
        held_until: None,
    };
    accept(stock, &request, command.short, now)
}

/// A line gets a place for a while.
pub(super) fn hold_one(
    stock: &mut Recorder<Stock>,
    command: HoldOne,
    now: UnixMillis,
) -> Result<Placement, AllocateRefused> {
    let request = Request {
        sku: command.sku,
        key: LineKey { order_id: command.order_id, line_id: command.line_id },
        quantity: command.quantity.units(),
        need_by: None,
        priority: Priority::default(),
        held_until: Some(now.plus_ms(i64::from(command.ttl_s) * 1_000)),
    };
    accept(stock, &request, WhenShort::Reject, now)
}

/// What is wanted for a line.
struct Request {
    sku: Sku,
    key: LineKey,
    quantity: u32,
    need_by: Option<Day>,
    priority: Priority,
    held_until: Option<UnixMillis>,
}

fn accept(
    stock: &mut Recorder<Stock>,
    request: &Request,
    short: WhenShort,
    now: UnixMillis,
) -> Result<Placement, AllocateRefused> {
    if !stock.exists() {
        return Err(AllocateRefused::UnknownSku { sku: request.sku.clone() });
    }
    let today = Day::of(now);
    let known = stock.line(&request.key).filter(|line| !line.ended());
    if let Some(line) = known.filter(|_| !failpoint::is_on("no-once-check")) {
        return match difference(line, request) {
            None => Ok(Placement {
                already_accepted: true,
                outcome: outcome(stock, request, line, today),
            }),
            Some(differs) => {
                let LineKey { order_id, line_id } = request.key.clone();
                let differs = differs.to_owned();
                Err(AllocateRefused::LineExists { order_id, line_id, differs })
            }
        };
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
            passed_over,
            again: false,
        }));
    } else {
        let queued = short == WhenShort::Queue;
        record_out_of_stock(stock, request, queued);
        if !queued {
            return Ok(Placement {
                already_accepted: false,
                outcome: out_of_stock(stock, request, demand),
            });
        }
    }
    let line = stock.line(&request.key).expect("it was accepted just now");
    Ok(Placement { already_accepted: false, outcome: outcome(stock, request, line, today) })
}

fn record_out_of_stock(stock: &mut Recorder<Stock>, request: &Request, queued: bool) {
    let (line, quantity) = (request.key.clone(), request.quantity);
    if queued {
        let (need_by, priority) = (request.need_by, request.priority);
        let line = line.clone();
        stock.record(StockEvent::Queued(Queued { line, quantity, need_by, priority }));
    }
    let sku = request.sku.clone();
    stock.record(StockEvent::OutOfStock(OutOfStock { sku, line, quantity, queued }));
}

fn out_of_stock(stock: &Stock, request: &Request, demand: Demand) -> Outcome {
    Outcome::OutOfStock {
        sku: request.sku.clone(),
        requested: request.quantity,
        available: available_in_time(stock, demand),
        earliest: earliest(stock, demand),
    }
}

/// The field in which a line that was accepted differs from what is asked for now: `line_id`, where
/// it is held and is to be placed, or the other way round.
fn difference(line: &Line, request: &Request) -> Option<&'static str> {
    let held = line.held_until().is_some();
    match () {
        () if line.quantity != request.quantity => Some("quantity"),
        () if held && request.held_until.is_none() => Some("line_id"),
        () if !held && request.held_until.is_some() => Some("line_id"),
        () if held => None,
        () if line.need_by != request.need_by => Some("need_by"),
        () if line.priority != request.priority => Some("priority"),
        () => None,
    }
}

fn outcome(stock: &Stock, request: &Request, line: &Line, today: Day) -> Outcome {
    let state = line_state(stock, &request.key, &request.sku, line);
    if let Place::Short { .. } = line.place {
        let demand = Demand { quantity: line.open(), need_by: line.need_by, today };
        return Outcome::Short { line: state, earliest: earliest(stock, demand) };
    }
    Outcome::Placed { line: state, explanation: explain(stock, line) }
}

fn line_state(stock: &Stock, key: &LineKey, sku: &Sku, line: &Line) -> LineState {
    line.state(key, sku, line.batch().and_then(|batch| stock.totals(batch)))
}

/// A line gives its place back, or its wait up; others may take it.
pub(super) fn deallocate(
    stock: &mut Recorder<Stock>,
    command: Deallocate,
    _: UnixMillis,
) -> Result<LineReleased, LineRefused> {
    let key = LineKey { order_id: command.order_id, line_id: command.line_id };
    let line = known(stock, &key)?;
    match line.place {
        Place::In { .. } | Place::Short { .. } => Ok(release(stock, &key, &command.reason)),
        _ => Err(wrong_phase(stock, &key, line, "it must be placed, held or short")),
    }
}

/// A held line gives its place back; one whose hold has ended is forgotten.
pub(super) fn release_one(
    stock: &mut Recorder<Stock>,
    command: ReleaseOne,
    _: UnixMillis,
) -> Result<LineReleased, LineRefused> {
    let key = LineKey { order_id: command.order_id, line_id: command.line_id };
    let line = known(stock, &key)?;
    if line.held_until().is_none() && line.place != Place::HoldEnded {
        return Err(wrong_phase(stock, &key, line, "it must be held"));
    }
    Ok(release(stock, &key, "the hold was released"))
}

fn release(stock: &mut Recorder<Stock>, key: &LineKey, reason: &str) -> LineReleased {
    let line = stock.line(key).expect("the caller has seen it").clone();
    stock.record(StockEvent::Released(Released {
        line: key.clone(),
        quantity: line.open(),
        batch: line.batch().cloned(),
        held: line.held_until().is_some(),
        reason: kept(reason),
    }));
    let sku = sku_of(stock);
    let mut after = line;
    after.evolve(&stock.recorded()[stock.recorded().len() - 1]);
    let state = line_state(stock, key, &sku, &after);
    stock.follow();
    LineReleased { line: state, moved: moved_lines(stock.recorded()) }
}

/// A held line keeps its place for good: it never competes for it again.
pub(super) fn confirm_one(
    stock: &mut Recorder<Stock>,
    command: ConfirmOne,
    _: UnixMillis,
) -> Result<LineState, LineRefused> {
    let key = LineKey { order_id: command.order_id, line_id: command.line_id };
    let line = known(stock, &key)?;
    match &line.place {
        Place::In { held_until: None, .. } => {}
        Place::In { batch, .. } => {
            let (batch, quantity) = (batch.clone(), line.open());
            let line = key.clone();
            stock.record(StockEvent::HoldConfirmed(HoldConfirmed { line, quantity, batch }));
        }
        _ => return Err(wrong_phase(stock, &key, line, "it must be held")),
    }
    let line = stock.line(&key).expect("it is there");
    Ok(line_state(stock, &key, &command.sku, line))
}

/// Goods leave: the batch and what is promised of it shrink by as much, in one step.
pub(super) fn ship(
    stock: &mut Recorder<Stock>,
    command: Ship,
    _: UnixMillis,
) -> Result<GoodsMoved, LineRefused> {
    let key = LineKey { order_id: command.order_id, line_id: command.line_id };
    let line = known(stock, &key)?;
    let Place::In { batch, held_until: None, .. } = &line.place else {
        return Err(wrong_phase(stock, &key, line, "it must be placed and not only held"));
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

/// Goods come back: into a batch, where others may get them, or not.
pub(super) fn take_back(
    stock: &mut Recorder<Stock>,
    command: Return,
    _: UnixMillis,
) -> Result<GoodsMoved, LineRefused> {
    let key = LineKey { order_id: command.order_id, line_id: command.line_id };
    let line = known(stock, &key)?;
    let (quantity, possible) = (command.quantity.units(), line.shipped - line.returned);
    if line.shipped == 0 {
        return Err(wrong_phase(stock, &key, line, "nothing of it has left"));
    }
    if quantity > possible {
        return Err(LineRefused::TooMany { requested: quantity, possible });
    }
    let batch = match command.disposition {
        Disposition::WriteOff => None,
        Disposition::Restock => {
            let unknown = || unknown_line(&key);
            let from = || line.shipped_from.as_deref().cloned();
            let batch = command.batch.or_else(from).ok_or_else(unknown)?;
            let totals = stock.totals(&batch);
            let totals =
                totals.ok_or_else(|| LineRefused::UnknownBatch { batch: batch.clone() })?;
            if totals.eta.is_some() || totals.closed.is_some() {
                return Err(LineRefused::NotInWarehouse { batch });
            }
            let room = QUANTITY_MAX - totals.purchased;
            if quantity > room {
                return Err(LineRefused::TooMany { requested: quantity, possible: room });
            }
            Some(batch)
        }
    };
    let (line, into, disposition) = (key.clone(), batch.clone(), command.disposition);
    stock.record(StockEvent::Returned(Returned { line, quantity, disposition, batch: into }));
    stock.follow();
    Ok(goods_moved(stock, &key, batch.as_ref()))
}

fn goods_moved(
    stock: &Recorder<Stock>,
    key: &LineKey,
    batch: Option<&earmark_contracts::values::BatchReference>,
) -> GoodsMoved {
    let sku = sku_of(stock);
    let line = stock.line(key).expect("its goods have moved just now");
    GoodsMoved {
        line: line_state(stock, key, &sku, line),
        batch: batch.and_then(|it| stock.totals(it)).map(|totals| totals.state(&sku)),
        moved: moved_lines(stock.recorded()),
    }
}

fn known<'a>(stock: &'a Stock, key: &LineKey) -> Result<&'a Line, LineRefused> {
    stock.line(key).ok_or_else(|| unknown_line(key))
}

fn unknown_line(key: &LineKey) -> LineRefused {
    let (order_id, line_id): (OrderId, LineId) = (key.order_id.clone(), key.line_id.clone());
    LineRefused::UnknownLine { order_id, line_id }
}

fn wrong_phase(stock: &Recorder<Stock>, key: &LineKey, line: &Line, why: &str) -> LineRefused {
    let is = line_state(stock, key, &sku_of(stock), line).state;
    let (order_id, line_id) = (key.order_id.clone(), key.line_id.clone());
    LineRefused::WrongPhase { order_id, line_id, is, requirement: why.to_owned() }
}

/// The SKU whose stock this is.
pub(super) fn sku_of(stock: &Recorder<Stock>) -> Sku {
    let text = earmark_contracts::values::Text::parse(stock.key());
    Sku(text.expect("only a SKU is the key of a stock"))
}

/// A reason as it is kept.
pub(super) fn kept(reason: &str) -> String {
    reason.chars().take(REASON_CHARS_MAX).collect()
}
