//! Handlers of the steps that hold, confirm and give back single lines.

use earmark_contracts::allocation::{HoldRefused, IfUnavailable, LineName, LineRefused, WhenShort};
use earmark_contracts::values::{Day, OrderId};
use earmark_kernel::{Recorder, UnixMillis};

use super::acceptance::{LineRequest, accept, difference};
use super::lines::release;
use super::lookup::{line_state, unknown_line};
use crate::allocation::events::{
    Allocated, HoldAdopted, HoldConfirmed, LineKey, Queued, Round, StockEvent, StockExhausted,
};
use crate::allocation::expiry::end_hold;
use crate::allocation::keys::sku_of;
use crate::allocation::line::LineStatus;
use crate::allocation::placing::{
    Choice, Demand, available_in_time, choose, earliest, place_again,
};
use crate::allocation::reservation::events::{ReleaseReason, WantedLine};
use crate::allocation::reservation::line_steps::{
    ConfirmOne, ConfirmedOne, HeldOne, HoldOne, LookAtLine, NoteExhausted, ReleaseOne, ReleasedOne,
};
use crate::allocation::reservation::steps::Course;
use crate::allocation::stock::Stock;

/// Allocates a line for its reservation, which ends the hold.
pub(in crate::allocation) fn hold_one(
    stock: &mut Recorder<Stock>,
    command: HoldOne,
    now: UnixMillis,
) -> Result<HeldOne, HoldRefused> {
    let HoldOne { order_id, line, until, round } = command;
    if !stock.exists() {
        return Err(HoldRefused::UnknownSku { sku: line.name.sku });
    }
    let request = request(&order_id, &line, Some(until), round);
    let before = stock.line(&request.key).filter(|line| !line.ended());
    if let Some(before) = before {
        if let Some(differs) = difference(before, &request) {
            let line_id = request.key.line_id;
            return Err(HoldRefused::LineExists { line_id, differs: differs.to_owned() });
        }
        if before.status != LineStatus::Missing {
            adopt(stock, &request);
            return Ok(HeldOne::Before(state(stock, &request.key).line));
        }
    }
    let again = before.is_some();
    let today = Day::of(now);
    let demand = Demand { quantity: request.quantity, need_by: request.need_by, today };
    let Choice { chosen: Some((batch, promised)), passed_over } = choose(stock, demand) else {
        let (available, earliest) = (available_in_time(stock, demand), earliest(stock, demand));
        return Ok(HeldOne::Short { available, earliest });
    };
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
        again,
    }));
    Ok(HeldOne::New(state(stock, &request.key).line))
}

fn request(
    order_id: &OrderId,
    line: &WantedLine,
    held_until: Option<UnixMillis>,
    round: u32,
) -> LineRequest {
    let reservation = Round::new(u8::try_from(round).unwrap_or(u8::MAX));
    LineRequest {
        sku: line.name.sku.clone(),
        key: key(order_id, &line.name),
        quantity: line.quantity,
        need_by: line.need_by,
        priority: line.priority,
        held_until,
        reservation,
    }
}

fn key(order_id: &OrderId, name: &LineName) -> LineKey {
    LineKey { order_id: order_id.clone(), line_id: name.line_id.clone() }
}

/// Makes a line that was held before there were reservations part of one.
fn adopt(stock: &mut Recorder<Stock>, request: &LineRequest) {
    let Some(line) = stock.line(&request.key).filter(|line| line.reservation.is_none()) else {
        return;
    };
    let (LineStatus::Allocated { batch, .. }, Some(reservation)) =
        (&line.status, request.reservation)
    else {
        return;
    };
    let (quantity, batch) = (line.open(), batch.clone());
    let line = request.key.clone();
    stock.record(StockEvent::HoldAdopted(HoldAdopted { line, quantity, batch, reservation }));
}

/// The state of a line that exists, and whether its goods are in the warehouse.
fn state(stock: &Recorder<Stock>, key: &LineKey) -> ConfirmedOne {
    let line = stock.line(key).expect("the line was accepted");
    let is_placed = matches!(line.status, LineStatus::Allocated { .. });
    let batch = line.batch().and_then(|batch| stock.totals(batch));
    let ready = is_placed && batch.is_some_and(|batch| batch.eta.is_none());
    ConfirmedOne { line: line_state(stock, key, &sku_of(stock), line), ready }
}

/// Confirms a held line: it stays in its batch and no longer expires. A line without stock is
/// refused, unless it may wait for stock.
pub(in crate::allocation) fn confirm_one(
    stock: &mut Recorder<Stock>,
    command: ConfirmOne,
    now: UnixMillis,
) -> Result<ConfirmedOne, LineRefused> {
    let ConfirmOne { order_id, line: wanted, round, course } = command;
    let key = key(&order_id, &wanted.name);
    let may_wait = course == Course::InParts || wanted.if_unavailable == IfUnavailable::Backorder;
    match stock.line(&key).filter(|line| !line.ended()) {
        Some(line) if line.status == LineStatus::Missing => {
            if !may_wait {
                return Err(unknown_line(&key));
            }
            let request = request(&order_id, &wanted, None, round);
            place_missing(stock, &request, now);
        }
        None if may_wait => {
            let request = request(&order_id, &wanted, None, round);
            let accepted = accept(stock, &request, WhenShort::Queue, now);
            accepted.map_err(|_| unknown_line(&key))?;
        }
        None => return Err(unknown_line(&key)),
        Some(line) => {
            if let LineStatus::Allocated { batch, held_until: Some(_), .. } = &line.status {
                let (batch, quantity) = (batch.clone(), line.open());
                let line = key.clone();
                stock.record(StockEvent::HoldConfirmed(HoldConfirmed { line, quantity, batch }));
            }
        }
    }
    Ok(state(stock, &key))
}

/// Places a line that has lost its stock, or lets it wait for stock.
fn place_missing(stock: &mut Recorder<Stock>, request: &LineRequest, now: UnixMillis) {
    let LineRequest { quantity, need_by, priority, reservation, .. } = *request;
    let line = request.key.clone();
    stock.record(StockEvent::Queued(Queued { line, quantity, need_by, priority, reservation }));
    if !place_again(stock, &request.key, now) {
        let (sku, line, queued) = (request.sku.clone(), request.key.clone(), true);
        let exhausted = StockExhausted { sku, line, quantity, queued };
        stock.record(StockEvent::StockExhausted(exhausted));
    }
}

/// Gives a held line back, or removes one whose hold has ended. Other lines are left alone.
pub(in crate::allocation) fn release_one(
    stock: &mut Recorder<Stock>,
    command: ReleaseOne,
    _: UnixMillis,
) -> Result<ReleasedOne, LineRefused> {
    let ReleaseOne { order_id, name, reason } = command;
    let key = key(&order_id, &name);
    let Some(line) = stock.line(&key) else {
        return Ok(ReleasedOne { line: None, quantity: 0 });
    };
    let is_held = line.held_until().is_some();
    let quantity = if is_held { line.open() } else { 0 };
    let is_missing = line.status == LineStatus::Missing;
    let has_ended = line.status == LineStatus::HoldEnded || is_missing;
    if reason == ReleaseReason::Released && (is_held || has_ended) {
        let line = release(stock, &key, "the hold was released").line;
        return Ok(ReleasedOne { line: Some(line), quantity });
    }
    if reason == ReleaseReason::Expired && (is_held || is_missing) {
        end_hold(stock, &key);
        let line = stock.line(&key).expect("a line whose hold has ended exists");
        let line = line_state(stock, &key, &sku_of(stock), line);
        return Ok(ReleasedOne { line: Some(line), quantity });
    }
    let line = line_state(stock, &key, &sku_of(stock), line);
    Ok(ReleasedOne { line: Some(line), quantity: 0 })
}

/// Records that there was no stock for a line of a refused hold.
pub(in crate::allocation) fn note_exhausted(
    stock: &mut Recorder<Stock>,
    command: NoteExhausted,
    _: UnixMillis,
) -> Result<(), LineRefused> {
    let NoteExhausted { order_id, line_id, sku, quantity } = command;
    let (line, quantity) = (LineKey { order_id, line_id }, quantity.units());
    let exhausted = StockExhausted { sku, line, quantity, queued: false };
    stock.record(StockEvent::StockExhausted(exhausted));
    Ok(())
}

/// The state of a line.
pub(in crate::allocation) fn look_at_line(
    stock: &mut Recorder<Stock>,
    command: LookAtLine,
    _: UnixMillis,
) -> Result<Option<ConfirmedOne>, LineRefused> {
    let key = key(&command.order_id, &command.name);
    Ok(stock.line(&key).is_some().then(|| state(stock, &key)))
}
