//! Goods of lines: ship and return.

use earmark_kernel::Command;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::batches::{BatchState, MovedLine};
use super::lines::{LineRefused, LineState};
use crate::values::{BatchReference, LineId, OrderId, Quantity, Sku};

/// Ships units of an allocated line from its batch, which must be in the warehouse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ship {
    /// The order of the line.
    pub order_id: OrderId,
    /// The id of the line.
    pub line_id: LineId,
    /// The SKU of the line; required only if the order has the line id for several SKUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
    /// Units to ship; absent or null for all units not shipped yet. The line is finished when all
    /// its units are shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
}

/// Result of shipping or returning units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GoodsMoved {
    /// The current state of the line.
    pub line: LineState,
    /// The current state of the batch that the units left or were restocked into; null if the units
    /// were written off.
    pub batch: Option<BatchState>,
    /// Short lines that were allocated to restocked units.
    pub moved: Vec<MovedLine>,
}

/// Returns shipped units of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Return {
    /// The order of the line.
    pub order_id: OrderId,
    /// The id of the line.
    pub line_id: LineId,
    /// The SKU of the line; required only if the order has the line id for several SKUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
    /// Returned units, at most the units shipped and not returned yet.
    pub quantity: Quantity,
    /// Whether the units are restocked or written off.
    pub disposition: Disposition,
    /// The batch into which the units are restocked; absent or null for the batch from which the
    /// line was last shipped. Ignored for units that are written off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchReference>,
}

/// What is done with returned units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// The units are added to a batch in the warehouse and can be promised again.
    Restock,
    /// The units are added to no batch.
    WriteOff,
}

impl Command for Ship {
    const NAME: &'static str = "allocation.ship";
    type Answer = GoodsMoved;
    type Refusal = LineRefused;
    fn key(&self) -> Option<&str> {
        self.sku.as_ref().map(|sku| &*sku.0)
    }
}

impl Command for Return {
    const NAME: &'static str = "allocation.return";
    type Answer = GoodsMoved;
    type Refusal = LineRefused;
    fn key(&self) -> Option<&str> {
        self.sku.as_ref().map(|sku| &*sku.0)
    }
}
