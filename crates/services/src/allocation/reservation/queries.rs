//! Answers to questions about holds.

use earmark_contracts::allocation::{
    GetHold, HoldEnd, HoldState, LineName, LinePhase, LineState, ListHolds,
};
use earmark_kernel::{Reading, StoreError, UnixMillis};

use super::aggregate::{Reservation, Status};
use super::answers::without_stock;
use super::events::WantedLine;
use super::steps::{GetMissing, GetReservation, GetUnreserved, Missing, Unreserved};
use super::views;
use crate::allocation::line::LineStatus;
use crate::allocation::queries::{NamedLine, lines_of, state};

pub(in crate::allocation) fn get_reservation(
    reading: &Reading,
    query: GetReservation,
) -> Result<Option<Reservation>, StoreError> {
    views::reservation(reading, &query.order_id)
}

pub(in crate::allocation) fn get_missing(
    reading: &Reading,
    query: GetMissing,
) -> Result<Missing, StoreError> {
    let Some(reservation) = views::reservation(reading, &query.order_id)? else {
        return Ok(Missing { round: Some(0), lines: Vec::new() });
    };
    let lines = missing(&reservation, &lines_of(reading, &query.order_id)?);
    let round = reservation.open.is_none().then_some(reservation.round);
    Ok(Missing { round, lines })
}

/// The held lines of a reservation that have lost their stock.
fn missing(reservation: &Reservation, lines: &[NamedLine]) -> Vec<LineName> {
    let is_missing = |name: &LineName| {
        let line =
            lines.iter().find(|line| line.key.line_id == name.line_id && line.sku == name.sku);
        line.is_some_and(|it| it.row.line.status == LineStatus::Missing)
    };
    let held = reservation.with(&[Status::Held]).map(|line| line.name.clone());
    held.filter(is_missing).collect()
}

pub(in crate::allocation) fn get_hold(
    reading: &Reading,
    query: GetHold,
) -> Result<Option<HoldState>, StoreError> {
    let Some(reservation) = views::reservation(reading, &query.order_id)? else {
        return Ok(None);
    };
    let order_id = query.order_id;
    let lines = lines_of(reading, &order_id)?;
    let missing = missing(&reservation, &lines).into_iter().map(|name| name.line_id).collect();
    let mut states = Vec::new();
    for line in &reservation.lines {
        let named =
            lines.iter().find(|it| it.key.line_id == line.name.line_id && it.sku == line.name.sku);
        let is_missing = |it: &&NamedLine| it.row.line.status == LineStatus::Missing;
        let named = named.filter(|it| line.status != Status::Wanted || !is_missing(it));
        states.push(match named {
            Some(named) => state(reading, named)?,
            None if line.status == Status::Wanted => {
                without_stock(&order_id, &line.wanted(), LinePhase::Wanted)
            }
            // It was shipped and released, or released, since it was confirmed.
            None => without_stock(&order_id, &line.wanted(), LinePhase::Released),
        });
    }
    let until = reservation.until.map(|until| until.0);
    states.iter_mut().for_each(|state| set_end(state, until));
    Ok(Some(HoldState {
        order_id,
        state: reservation.phase(),
        until_ms: until,
        missing,
        lines: states,
    }))
}

/// The end of a held line is that of its reservation.
pub(in crate::allocation) fn set_end(line: &mut LineState, until_ms: Option<i64>) {
    if line.state == LinePhase::Held {
        line.held_until_ms = until_ms.or(line.held_until_ms);
    }
}

pub(in crate::allocation) fn list_holds(
    reading: &Reading,
    query: ListHolds,
) -> Result<Vec<HoldEnd>, StoreError> {
    let before = query.ends_before_ms.map_or(i64::MAX, |ms| ms);
    let mut after = query.after.map(|it| views::due_key(UnixMillis(it.until_ms), &it.order_id.0));
    let mut holds = Vec::new();
    while holds.len() < query.limit {
        let page = views::by_due(reading, after.as_deref(), query.limit)?;
        let Some((due, order_id)) = page.last() else { break };
        after = Some(views::due_key(*due, &order_id.0));
        for (due, order_id) in page {
            if due.0 >= before || holds.len() >= query.limit {
                return Ok(holds);
            }
            // An operation that has not ended is due too, but does not end a hold.
            let reservation = views::reservation(reading, &order_id)?;
            if reservation.is_some_and(|it| it.open.is_none() && it.until == Some(due)) {
                holds.push(HoldEnd { until_ms: due.0, order_id });
            }
        }
    }
    Ok(holds)
}

pub(in crate::allocation) fn get_unreserved(
    reading: &Reading,
    query: GetUnreserved,
) -> Result<Unreserved, StoreError> {
    let mut unreserved = Unreserved::default();
    for named in lines_of(reading, &query.order_id)? {
        let line = &named.row.line;
        if line.reservation.is_some() {
            continue;
        }
        let name = LineName { line_id: named.key.line_id.clone(), sku: named.sku.clone() };
        match line.held_until() {
            // The stock ends it with the next command.
            Some(until) if until <= reading.now() => unreserved.ended.push(name),
            Some(until) => {
                let (quantity, need_by, priority) = (line.quantity, line.need_by, line.priority);
                let if_unavailable = Default::default();
                let line = WantedLine { name, quantity, need_by, priority, if_unavailable };
                unreserved.held.push((line, until));
            }
            None if line.status == LineStatus::HoldEnded => unreserved.ended.push(name),
            None => {}
        }
    }
    Ok(unreserved)
}
