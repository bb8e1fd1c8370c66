//! Lookup of the line that a command names, its state, and the refusals that follow.

use earmark_contracts::allocation::{LineRefused, LineState};
use earmark_contracts::values::{LineId, OrderId, Sku};
use earmark_kernel::Recorder;

use crate::allocation::events::LineKey;
use crate::allocation::keys::sku_of;
use crate::allocation::line::Line;
use crate::allocation::stock::Stock;

pub(super) fn existing_line<'a>(stock: &'a Stock, key: &LineKey) -> Result<&'a Line, LineRefused> {
    stock.line(key).ok_or_else(|| unknown_line(key))
}

pub(super) fn unknown_line(key: &LineKey) -> LineRefused {
    let (order_id, line_id): (OrderId, LineId) = (key.order_id.clone(), key.line_id.clone());
    LineRefused::UnknownLine { order_id, line_id }
}

pub(super) fn wrong_phase(
    stock: &Recorder<Stock>,
    key: &LineKey,
    line: &Line,
    requirement: &str,
) -> LineRefused {
    let is = line_state(stock, key, &sku_of(stock), line).state;
    let (order_id, line_id) = (key.order_id.clone(), key.line_id.clone());
    LineRefused::WrongPhase { order_id, line_id, is, requirement: requirement.to_owned() }
}

pub(super) fn line_state(stock: &Stock, key: &LineKey, sku: &Sku, line: &Line) -> LineState {
    line.state(key, sku, line.batch().and_then(|batch| stock.totals(batch)))
}
