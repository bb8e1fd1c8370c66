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

/// All lines of a hold are held, or kept without stock where the request allows it. A hold that is
/// repeated or gets further lines is told again, with the lines of that request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderReserved {
    /// The order.
    pub order_id: OrderId,
    /// The number of the operation on the order's hold, 1, 2, 3 …
    pub round: u32,
    /// The end of the hold, in milliseconds since 1970-01-01 UTC.
    pub until_ms: i64,
    /// The lines.
    pub lines: Vec<ReservedLine>,
}

/// A line of a hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReservedLine {
    /// The id of the line.
    pub line_id: LineId,
    /// The ordered SKU.
    pub sku: Sku,
    /// Ordered units.
    pub quantity: u32,
    /// The day, UTC, on which the goods can be shipped; null if there is no stock for the line.
    pub promised: Option<Day>,
}

/// A hold was refused because there is no stock for one of its lines. Nothing of it is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderShort {
    /// The order.
    pub order_id: OrderId,
    /// The number of the operation on the order's hold, 1, 2, 3 …
    pub round: u32,
    /// The id of the line.
    pub line_id: LineId,
    /// The ordered SKU.
    pub sku: Sku,
    /// Ordered units.
    pub requested: u32,
    /// The largest number of units that one batch could supply in time.
    pub available: u32,
    /// The first day, UTC, on which a known batch could take the line; null if none can.
    pub earliest: Option<Day>,
}

/// The end of a hold has moved to a later time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderExtended {
    /// The order.
    pub order_id: OrderId,
    /// The new end of the hold, in milliseconds since 1970-01-01 UTC.
    pub until_ms: i64,
}

/// A hold was confirmed as a whole: its lines no longer expire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderHeldForGood {
    /// The order.
    pub order_id: OrderId,
    /// The number of the operation on the order's hold, 1, 2, 3 …
    pub round: u32,
    /// The confirmed lines.
    pub lines: Vec<ConfirmedLine>,
}

/// A confirmed line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfirmedLine {
    /// The id of the line.
    pub line_id: LineId,
    /// The ordered SKU.
    pub sku: Sku,
    /// The day, UTC, on which the goods can be shipped; null if the line waits for stock.
    pub promised: Option<Day>,
    /// True if the goods are in the warehouse.
    pub ready: bool,
}

/// A hold cannot be confirmed: it has expired, or lines have lost their stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderHoldLost {
    /// The order.
    pub order_id: OrderId,
    /// Why it is lost.
    pub reason: HoldLostReason,
    /// The lines of an expired hold, which are given back; or the lines without stock.
    pub lines: Vec<LineName>,
}

/// Why a hold cannot be confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldLostReason {
    /// It was not confirmed in time. Nothing is held any more.
    Expired,
    /// Lines have lost their stock. The other lines are still held.
    Missing,
}

/// A line of an order by its id and SKU.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct LineName {
    /// The id of the line.
    pub line_id: LineId,
    /// The ordered SKU.
    pub sku: Sku,
}

/// A hold was released: the units of its lines are available again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderReleased {
    /// The order.
    pub order_id: OrderId,
    /// The number of the operation on the order's hold, 1, 2, 3 …
    pub round: u32,
    /// The released lines.
    pub released: Vec<ReleasedLine>,
}

/// A released line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReleasedLine {
    /// The id of the line.
    pub line_id: LineId,
    /// The ordered SKU.
    pub sku: Sku,
    /// Released units; 0 if the line had no stock.
    pub quantity: u32,
}

/// The goods of a confirmed line are in the warehouse, after they were not when it was confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineReady {
    /// The order.
    pub order_id: OrderId,
    /// The id of the line.
    pub line_id: LineId,
    /// The ordered SKU.
    pub sku: Sku,
    /// Units of the line that are not shipped yet.
    pub quantity: u32,
    /// The reference of the batch.
    pub batch: BatchReference,
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

impl PublicEvent for OrderReserved {
    const NAME: &'static str = "allocation.order_reserved";
}

impl PublicEvent for OrderShort {
    const NAME: &'static str = "allocation.order_short";
}

impl PublicEvent for OrderExtended {
    const NAME: &'static str = "allocation.order_extended";
}

impl PublicEvent for OrderHeldForGood {
    const NAME: &'static str = "allocation.order_held_for_good";
}

impl PublicEvent for OrderHoldLost {
    const NAME: &'static str = "allocation.order_hold_lost";
}

impl PublicEvent for OrderReleased {
    const NAME: &'static str = "allocation.order_released";
}

impl PublicEvent for LineReady {
    const NAME: &'static str = "allocation.line_ready";
}
