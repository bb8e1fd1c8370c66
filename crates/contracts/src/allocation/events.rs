//! Public events of the allocation service.

use earmark_kernel::PublicEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{BatchReference, Day, LineId, OrderId, Sku};

/// A line was allocated to a batch or held there, for the first time or again. The event of
/// *Architecture Patterns with Python*, extended with the id of the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineAllocated {
    /// The order of the line.
    pub orderid: OrderId,
    /// The ordered SKU.
    pub sku: Sku,
    /// Allocated units: the units of the line that are not shipped yet.
    pub qty: u32,
    /// The reference of the batch.
    pub batchref: BatchReference,
    /// The id of the line.
    pub line_id: LineId,
    /// The day, UTC, on which the goods can be shipped.
    pub promised: Day,
    /// The end of the hold, in milliseconds since 1970-01-01 UTC; null if the line is not held.
    pub held_until_ms: Option<i64>,
}

/// A line lost its batch, was released, or its hold ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineDeallocated {
    /// The order of the line.
    pub orderid: OrderId,
    /// The ordered SKU.
    pub sku: Sku,
    /// Deallocated units: the units of the line that were not shipped.
    pub qty: u32,
    /// The batch of the line until then; null if the line was short.
    pub batchref: Option<BatchReference>,
    /// The id of the line.
    pub line_id: LineId,
    /// The reason, as a sentence or as given by the caller.
    pub reason: String,
}

/// There was no stock for a line. The event of *Architecture Patterns with Python*, extended with
/// the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutOfStock {
    /// The ordered SKU.
    pub sku: Sku,
    /// The order of the line.
    pub orderid: OrderId,
    /// The id of the line.
    pub line_id: LineId,
    /// Units for which there was no stock.
    pub qty: u32,
    /// True if the line waits and is allocated when stock becomes available; false if it was
    /// rejected.
    pub queued: bool,
}

/// Units of a line were shipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineShipped {
    /// The order of the line.
    pub orderid: OrderId,
    /// The ordered SKU.
    pub sku: Sku,
    /// Units of this shipment.
    pub qty: u32,
    /// The batch from which the units were shipped.
    pub batchref: BatchReference,
    /// The id of the line.
    pub line_id: LineId,
    /// True if all units of the line are shipped now.
    pub finished: bool,
}

/// The quantity of a batch was changed by a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatchQuantityChanged {
    /// The reference of the batch.
    pub batchref: BatchReference,
    /// The SKU of the units in the batch.
    pub sku: Sku,
    /// Units in the batch after the change.
    pub qty: u32,
    /// Units in the batch before the change.
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
