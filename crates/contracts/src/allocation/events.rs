//! What allocation tells others.

use earmark_kernel::PublicEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{BatchReference, Day, LineId, OrderId, Sku};

/// A line got a place, for the first time or again: the book's event, with the line's own id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineAllocated {
    /// The order.
    pub orderid: OrderId,
    /// The SKU.
    pub sku: Sku,
    /// Units.
    pub qty: u32,
    /// The batch.
    pub batchref: BatchReference,
    /// The line.
    pub line_id: LineId,
    /// The day on which the goods can go.
    pub promised: Day,
    /// Held until this moment, milliseconds since the epoch; none: for good.
    pub held_until_ms: Option<i64>,
}

/// A line lost its place, gave it back, or its hold ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineDeallocated {
    /// The order.
    pub orderid: OrderId,
    /// The SKU.
    pub sku: Sku,
    /// Units.
    pub qty: u32,
    /// The batch it was in; none: it was short.
    pub batchref: Option<BatchReference>,
    /// The line.
    pub line_id: LineId,
    /// Why.
    pub reason: String,
}

/// There was no stock for a line: the book's event, with the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutOfStock {
    /// The SKU.
    pub sku: Sku,
    /// The order.
    pub orderid: OrderId,
    /// The line.
    pub line_id: LineId,
    /// Units wanted.
    pub qty: u32,
    /// The line waits and will be placed when stock comes.
    pub queued: bool,
}

/// Goods left for a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineShipped {
    /// The order.
    pub orderid: OrderId,
    /// The SKU.
    pub sku: Sku,
    /// Units that left now.
    pub qty: u32,
    /// The batch they left.
    pub batchref: BatchReference,
    /// The line.
    pub line_id: LineId,
    /// Nothing is left to ship.
    pub finished: bool,
}

/// A batch came into being, changed or ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatchQuantityChanged {
    /// The batch.
    pub batchref: BatchReference,
    /// The SKU.
    pub sku: Sku,
    /// Units it holds now.
    pub qty: u32,
    /// Units it held before.
    pub before: u32,
}

impl PublicEvent for LineAllocated {
    const NAME: &'static str = "allocation.line_allocated";
}

impl PublicEvent for LineDeallocated {
    const NAME: &'static str = "allocation.line_deallocated";
}

impl PublicEvent for OutOfStock {
    const NAME: &'static str = "allocation.out_of_stock";
}

impl PublicEvent for LineShipped {
    const NAME: &'static str = "allocation.line_shipped";
}

impl PublicEvent for BatchQuantityChanged {
    const NAME: &'static str = "allocation.batch_quantity_changed";
}
