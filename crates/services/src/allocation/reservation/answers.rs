//! The answers of operations on a hold, composed of what became of their lines.

use earmark_contracts::allocation::{
    ConfirmedLine, Held, HoldRefused, LinePhase, LineState, ReleasedLine,
};
use earmark_contracts::values::{OrderId, Priority};
use earmark_kernel::UnixMillis;

use super::decisions::may_wait;
use super::events::{HeldLine, WantedLine};
use super::line_steps::{ConfirmedOne, HeldOne, ReleasedOne};
use earmark_contracts::allocation::LineName;

/// The refusal of a hold because of what became of a line; `None` if the line is no reason.
pub(super) fn refusal(line: &WantedLine, outcome: &HeldOne) -> Option<HoldRefused> {
    match outcome {
        HeldOne::Short { available, earliest } if !may_wait(line) => {
            Some(HoldRefused::OutOfStock {
                line_id: line.name.line_id.clone(),
                sku: line.name.sku.clone(),
                requested: line.quantity,
                available: *available,
                earliest: *earliest,
            })
        }
        _ => None,
    }
}

/// The answer to a hold, and the lines for the log.
pub(super) fn held(
    order_id: &OrderId,
    until: UnixMillis,
    lines: &[WantedLine],
    outcomes: Vec<HeldOne>,
) -> (Held, Vec<HeldLine>) {
    let existed = outcomes.iter().all(|it| matches!(it, HeldOne::Before(_)));
    let state = |(line, outcome): (&WantedLine, HeldOne)| match outcome {
        HeldOne::New(state) | HeldOne::Before(state) => {
            LineState { held_until_ms: Some(until.0), ..state }
        }
        HeldOne::Short { .. } => without_stock(order_id, line, LinePhase::Wanted),
    };
    let states: Vec<LineState> = lines.iter().zip(outcomes).map(state).collect();
    let line = |(line, state): (&WantedLine, &LineState)| HeldLine {
        line_id: line.name.line_id.clone(),
        sku: line.name.sku.clone(),
        quantity: line.quantity,
        need_by: line.need_by,
        priority: line.priority,
        promised: state.promised,
    };
    let logged = lines.iter().zip(&states).map(line).collect();
    let (order_id, until_ms) = (order_id.clone(), Some(until.0));
    (Held { order_id, until_ms, existed, lines: states }, logged)
}

/// The answer to a confirmation, and the lines for the log.
pub(super) fn confirmed(
    order_id: &OrderId,
    outcomes: Vec<ConfirmedOne>,
) -> (Held, Vec<ConfirmedLine>) {
    let line = |it: &ConfirmedOne| ConfirmedLine {
        line_id: it.line.line_id.clone(),
        sku: it.line.sku.clone(),
        promised: it.line.promised,
        ready: it.ready,
    };
    let logged = outcomes.iter().map(line).collect();
    (ended(order_id, outcomes.into_iter().map(|it| it.line).collect()), logged)
}

/// The answer to a release, and the lines for the log.
pub(super) fn released(
    order_id: &OrderId,
    lines: &[LineName],
    outcomes: Vec<ReleasedOne>,
) -> (Held, Vec<ReleasedLine>) {
    let line = |(name, it): (&LineName, &ReleasedOne)| ReleasedLine {
        line_id: name.line_id.clone(),
        sku: name.sku.clone(),
        quantity: it.quantity,
    };
    let logged = lines.iter().zip(&outcomes).map(line).collect();
    let state =
        |(name, it): (&LineName, ReleasedOne)| it.line.unwrap_or_else(|| gone(order_id, name));
    (ended(order_id, lines.iter().zip(outcomes).map(state).collect()), logged)
}

pub(super) fn ended(order_id: &OrderId, lines: Vec<LineState>) -> Held {
    Held { order_id: order_id.clone(), until_ms: None, existed: false, lines }
}

/// The state of a line that was kept in the hold without stock and was given back.
fn gone(order_id: &OrderId, name: &LineName) -> LineState {
    LineState {
        order_id: order_id.clone(),
        line_id: name.line_id.clone(),
        sku: name.sku.clone(),
        quantity: 0,
        state: LinePhase::Released,
        batch: None,
        promised: None,
        need_by: None,
        priority: Priority::default(),
        shipped_quantity: 0,
        returned_quantity: 0,
        held_until_ms: None,
    }
}

/// The state of a line that the stock does not have.
pub(super) fn without_stock(order_id: &OrderId, line: &WantedLine, state: LinePhase) -> LineState {
    LineState {
        quantity: line.quantity,
        need_by: line.need_by,
        priority: line.priority,
        state,
        ..gone(order_id, &line.name)
    }
}
