//! Lines: how stock is promised to them, released, shipped and returned.

use earmark_kernel::Command;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::batches::{BatchState, MovedLine};
use crate::values::{BatchReference, Day, LineId, OrderId, Priority, Quantity, Sku};

/// What is to be done with a line for which there is no stock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenShort {
    /// Tell, and keep nothing.
    #[default]
    Reject,
    /// Keep the line, and place it when stock comes.
    Queue,
}

/// Promise stock to a line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allocate {
    /// The order.
    pub order_id: OrderId,
    /// The line; absent: the SKU names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_id: Option<LineId>,
    /// What is wanted.
    pub sku: Sku,
    /// How many units, all from one batch.
    pub quantity: Quantity,
    /// The last day on which it is of use; batches that come later are passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need_by: Option<Day>,
    /// How much the line matters.
    #[serde(default)]
    pub priority: Priority,
    /// What is to be done when there is no stock.
    #[serde(default)]
    pub short: WhenShort,
}

impl Allocate {
    /// The line's id: the one named, or the SKU.
    #[must_use]
    pub fn line(&self) -> LineId {
        self.line_id.clone().unwrap_or_else(|| LineId(self.sku.0.clone()))
    }
}

/// What came of an [`Allocate`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Placement {
    /// The line had been accepted before; nothing changed.
    pub existed: bool,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It has a place.
    Placed {
        /// The line.
        #[serde(flatten)]
        line: LineState,
        /// Why there.
        explanation: Explanation,
    },
    /// It waits for stock.
    Short {
        /// The line.
        #[serde(flatten)]
        line: LineState,
        /// The first day on which stock could come for it, as far as is known.
        earliest: Option<Day>,
    },
    /// There is no stock for it, and nothing was kept of it.
    OutOfStock {
        /// What was wanted.
        sku: Sku,
        /// How many units were wanted.
        requested: u32,
        /// The most units that one batch could give in time.
        available: u32,
        /// The first day on which some batch could give them, if `need_by` did not exclude it.
        earliest: Option<Day>,
    },
}

/// A line as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineState {
    /// The order.
    pub order_id: OrderId,
    /// The line.
    pub line_id: LineId,
    /// What is wanted.
    pub sku: Sku,
    /// How many units.
    pub quantity: u32,
    /// Where it is in its life.
    pub state: LinePhase,
    /// The batch that serves it.
    pub batch: Option<BatchReference>,
    /// The day on which the goods can go.
    pub promised: Option<Day>,
    /// The last day on which it is of use.
    pub need_by: Option<Day>,
    /// How much it matters.
    pub priority: Priority,
    /// Units that left.
    pub shipped_quantity: u32,
    /// Units that came back.
    pub returned_quantity: u32,
    /// Held until this moment, milliseconds since the epoch; none: not a hold.
    pub held_until_ms: Option<i64>,
}

/// Where a line is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinePhase {
    /// It has a place in a batch.
    Placed,
    /// It has a place for a while, until it is confirmed.
    Held,
    /// It waits for stock.
    Short,
    /// Its goods have left.
    Shipped,
    /// It gave its place back.
    Released,
    /// It was held, and not confirmed in time or lost its stock.
    HoldEnded,
}

/// Why a line is where it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// The batch that won; none: no batch could take the line.
    pub chosen: Option<BatchReference>,
    /// Why it won, as a sentence.
    pub because: String,
    /// The batches that come before it in order of preference and why each was passed over, at most
    /// [`PASSED_OVER_MAX`]; all batches where an explanation is asked for.
    pub passed_over: Vec<PassedOver>,
    /// How many batches had nothing left to promise.
    pub exhausted: u32,
}

/// At most so many batches are named in the answer of an [`Allocate`].
pub const PASSED_OVER_MAX: usize = 8;

/// A batch that was not chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PassedOver {
    /// The batch.
    pub batch: BatchReference,
    /// Why not.
    #[serde(flatten)]
    pub why: Why,
}

/// Why a batch was not chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Why {
    /// It cannot take the whole line.
    TooSmall {
        /// Units it could still promise.
        available: u32,
    },
    /// It arrives after the line is of use.
    TooLate {
        /// When it arrives.
        eta: Day,
    },
    /// It expires before the goods can go.
    ExpiresBefore {
        /// When it expires.
        expires: Day,
    },
    /// It is closed or expired.
    Closed,
    /// A batch before it in order of preference could take the line.
    LaterThanChosen,
}

/// Why an [`Allocate`] (or a hold) is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Error)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum AllocateRefused {
    /// No batch of this SKU was ever created.
    #[error("Invalid sku {sku}", sku = .sku.0)]
    UnknownSku {
        /// The SKU.
        sku: Sku,
    },
    /// The line was accepted before with another quantity, or is at another point of its life.
    #[error("the line {line} of order {order} was accepted before{how}",
        line = .line_id.0, order = .order_id.0, how = how_it_differs(differs))]
    LineExists {
        /// The order.
        order_id: OrderId,
        /// The line.
        line_id: LineId,
        /// The field that differs; `line_id` where the line is held and is to be placed, or the
        /// other way round.
        differs: String,
    },
}

/// In what way a line that was accepted before differs.
pub(super) fn how_it_differs(differs: &str) -> String {
    match differs {
        "line_id" => ", held where it is to be placed, or placed".to_owned(),
        field => format!(", with another {field}"),
    }
}

/// A line gives its place back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deallocate {
    /// The order.
    pub order_id: OrderId,
    /// The line.
    pub line_id: LineId,
    /// Its SKU, needed only where the same line id is used for several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
    /// Why, for the history; at most 200 characters are kept.
    #[serde(default)]
    pub reason: String,
}

/// A line was released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineReleased {
    /// The line as it is now.
    pub line: LineState,
    /// The waiting lines that took the place.
    pub moved: Vec<MovedLine>,
}

/// Why something is not done to a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Error)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum LineRefused {
    /// There is no such line.
    #[error("there is no line {line} in order {order}", line = .line_id.0, order = .order_id.0)]
    UnknownLine {
        /// The order.
        order_id: OrderId,
        /// The line.
        line_id: LineId,
    },
    /// The line id is used for several SKUs: name one.
    #[error("order {order} has the line {line} for several SKUs, name one",
        line = .line_id.0, order = .order_id.0)]
    AmbiguousLine {
        /// The order.
        order_id: OrderId,
        /// The line.
        line_id: LineId,
    },
    /// At this point of its life it cannot be done.
    #[error("the line {line} of order {order} is {is:?}: {why}",
        line = .line_id.0, order = .order_id.0)]
    WrongPhase {
        /// The order.
        order_id: OrderId,
        /// The line.
        line_id: LineId,
        /// Where the line is in its life.
        is: LinePhase,
        /// What would be needed.
        why: String,
    },
    /// More units than there are.
    #[error("{requested} units are more than the {possible} that are left")]
    TooMany {
        /// Units asked for.
        requested: u32,
        /// Units that are left.
        possible: u32,
    },
    /// The batch has not arrived, so nothing can leave it (or come back into it).
    #[error("the batch {batch} is not in the warehouse", batch = .batch.0)]
    NotInWarehouse {
        /// The batch.
        batch: BatchReference,
    },
    /// No batch of this SKU has this reference.
    #[error("no batch of this SKU has the reference {batch}", batch = .batch.0)]
    UnknownBatch {
        /// The batch.
        batch: BatchReference,
    },
}

/// Goods leave for a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ship {
    /// The order.
    pub order_id: OrderId,
    /// The line.
    pub line_id: LineId,
    /// Its SKU, needed only where the same line id is used for several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
    /// Units that leave; absent: all that have not left. The line is finished when none is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
}

/// Goods left or came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GoodsMoved {
    /// The line as it is now.
    pub line: LineState,
    /// The batch the goods left or came into, as it is now; none for goods written off.
    pub batch: Option<BatchState>,
    /// The waiting lines that found a place through it.
    pub moved: Vec<MovedLine>,
}

/// Goods come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Return {
    /// The order.
    pub order_id: OrderId,
    /// The line.
    pub line_id: LineId,
    /// Its SKU, needed only where the same line id is used for several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
    /// Units that came back.
    pub quantity: Quantity,
    /// What becomes of them.
    pub disposition: Disposition,
    /// The batch they go into; absent: the one they came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchReference>,
}

/// What becomes of goods that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// They can be promised again.
    Restock,
    /// They are lost.
    WriteOff,
}

impl Command for Allocate {
    const NAME: &'static str = "allocation.allocate";
    type Answer = Placement;
    type Refusal = AllocateRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.sku.0)
    }
}

impl Command for Deallocate {
    const NAME: &'static str = "allocation.deallocate";
    type Answer = LineReleased;
    type Refusal = LineRefused;
    fn key(&self) -> Option<&str> {
        self.sku.as_ref().map(|sku| &*sku.0)
    }
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
