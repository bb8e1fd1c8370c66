//! Public events about holds, derived from the facts of reservations.

use earmark_contracts::allocation::{
    HoldLostReason, OrderExtended, OrderHeldForGood, OrderHoldLost, OrderReleased, OrderReserved,
    OrderShort, ReservedLine,
};
use earmark_contracts::values::{OrderId, Text};
use earmark_kernel::Recorded;

use super::events::{
    Confirmed, Expired, Extended, HeldLine, Incomplete, Released, Reserved, Short,
};

fn order_id<E>(recorded: &Recorded<E>) -> OrderId {
    OrderId(Text::parse(recorded.key).expect("the key of a reservation is an order id"))
}

pub(in crate::allocation) fn order_reserved(recorded: &Recorded<Reserved>) -> OrderReserved {
    let fact = recorded.event;
    let line = |it: &HeldLine| ReservedLine {
        line_id: it.line_id.clone(),
        sku: it.sku.clone(),
        quantity: it.quantity,
        promised: it.promised,
    };
    OrderReserved {
        order_id: order_id(recorded),
        round: fact.round,
        until_ms: fact.until.0,
        lines: fact.lines.iter().map(line).collect(),
    }
}

pub(in crate::allocation) fn order_short(recorded: &Recorded<Short>) -> OrderShort {
    let fact = recorded.event;
    OrderShort {
        order_id: order_id(recorded),
        round: fact.round,
        line_id: fact.name.line_id.clone(),
        sku: fact.name.sku.clone(),
        requested: fact.requested,
        available: fact.available,
        earliest: fact.earliest,
    }
}

pub(in crate::allocation) fn order_extended(recorded: &Recorded<Extended>) -> OrderExtended {
    OrderExtended { order_id: order_id(recorded), until_ms: recorded.event.until.0 }
}

pub(in crate::allocation) fn order_held_for_good(
    recorded: &Recorded<Confirmed>,
) -> OrderHeldForGood {
    let (round, lines) = (recorded.event.round, recorded.event.lines.clone());
    OrderHeldForGood { order_id: order_id(recorded), round, lines }
}

pub(in crate::allocation) fn hold_incomplete(recorded: &Recorded<Incomplete>) -> OrderHoldLost {
    let (reason, lines) = (HoldLostReason::Missing, recorded.event.missing.clone());
    OrderHoldLost { order_id: order_id(recorded), reason, lines }
}

pub(in crate::allocation) fn hold_expired(recorded: &Recorded<Expired>) -> OrderHoldLost {
    let (reason, lines) = (HoldLostReason::Expired, recorded.event.lines.clone());
    OrderHoldLost { order_id: order_id(recorded), reason, lines }
}

pub(in crate::allocation) fn order_released(recorded: &Recorded<Released>) -> OrderReleased {
    let (round, released) = (recorded.event.round, recorded.event.lines.clone());
    OrderReleased { order_id: order_id(recorded), round, released }
}
