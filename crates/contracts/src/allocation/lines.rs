//! Order lines: allocate and deallocate.

use earmark_kernel::Command;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::batches::MovedLine;
use super::explanation::Explanation;
use crate::values::{BatchReference, Day, LineId, OrderId, Priority, Quantity, Sku};

/// What is done with a line for which there is no stock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenShort {
    /// The line is reported as out of stock and not stored.
    #[default]
    Reject,
    /// The line is stored as short and allocated when stock becomes available.
    Queue,
}

/// Promises stock to an order line. The whole line is allocated to one batch. Repeating the same
/// command changes nothing and returns the current state of the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allocate {
    /// The order of the line.
    pub order_id: OrderId,
    /// The id of the line, unique within the order and SKU; absent or null to use the SKU as id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_id: Option<LineId>,
    /// The ordered SKU.
    pub sku: Sku,
    /// Ordered units. All are allocated to one batch.
    pub quantity: Quantity,
    /// The last day, UTC, on which the goods may be shipped; later batches are passed over. Absent
    /// or null for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need_by: Option<Day>,
    /// The priority of the line: lines with a higher one get stock first and lose it last. The
    /// default is 5.
    #[serde(default)]
    pub priority: Priority,
    /// What is done if there is no stock. The default is `reject`.
    #[serde(default)]
    pub short: WhenShort,
}

impl Allocate {
    /// The id of the line: the given one, or the SKU.
    #[must_use]
    pub fn line(&self) -> LineId {
        self.line_id.clone().unwrap_or_else(|| LineId(self.sku.0.clone()))
    }
}

/// Result of an [`Allocate`] command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Placement {
    /// True if the line was accepted before and nothing changed.
    #[serde(rename = "existed")]
    pub already_accepted: bool,
    /// The state of the line, with an explanation.
    pub outcome: Outcome,
}

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The line is allocated to a batch, or was shipped.
    Placed {
        /// The current state of the line.
        #[serde(flatten)]
        line: LineState,
        /// The reason for the choice of the batch.
        explanation: Explanation,
    },
    /// The line waits for stock.
    Short {
        /// The current state of the line.
        #[serde(flatten)]
        line: LineState,
        /// The first day, UTC, on which a known batch could take the line, `need_by` ignored; null
        /// if no known batch can.
        earliest: Option<Day>,
    },
    /// There is no stock for the line, and the line is not stored.
    OutOfStock {
        /// The ordered SKU.
        sku: Sku,
        /// Ordered units.
        requested: u32,
        /// The largest number of units that one batch can supply in time.
        available: u32,
        /// The first day, UTC, on which a known batch could take the line, `need_by` ignored; null
        /// if no known batch can.
        earliest: Option<Day>,
    },
}

/// The current state of an order line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineState {
    /// The order of the line.
    pub order_id: OrderId,
    /// The id of the line.
    pub line_id: LineId,
    /// The ordered SKU.
    pub sku: Sku,
    /// Ordered units. If a partly shipped line is released, the shipped units.
    pub quantity: u32,
    /// The phase of the line's life cycle.
    pub state: LinePhase,
    /// The batch to which the line is allocated or from which it was shipped; null if none.
    pub batch: Option<BatchReference>,
    /// The day, UTC, on which the goods can be shipped; null unless the line is allocated or held.
    pub promised: Option<Day>,
    /// The last day, UTC, on which the goods may be shipped; null for no limit.
    pub need_by: Option<Day>,
    /// The priority of the line, 0 (lowest) to 9 (highest).
    pub priority: Priority,
    /// Shipped units, including those returned later.
    pub shipped_quantity: u32,
    /// Returned units.
    pub returned_quantity: u32,
    /// The end of the hold, in milliseconds since 1970-01-01 UTC; null if the line is not held.
    pub held_until_ms: Option<i64>,
}

/// A phase in the life cycle of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinePhase {
    /// The line is allocated to a batch.
    Placed,
    /// The line is allocated to a batch until its hold ends or is confirmed.
    Held,
    /// The line waits for stock.
    Short,
    /// The line is kept in a hold without stock and will wait for stock when the hold is confirmed.
    Wanted,
    /// The line of a hold lost its stock, and no other batch could take it.
    Missing,
    /// All units were shipped.
    Shipped,
    /// The line was deallocated on request.
    Released,
    /// The hold was not confirmed in time, or its stock was lost.
    HoldEnded,
}

/// Reasons for which an [`Allocate`] command or the hold of a line is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Error)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum AllocateRefused {
    /// No batch of this SKU was ever created.
    #[error("Invalid sku {sku}", sku = .sku.0)]
    UnknownSku {
        /// The requested SKU.
        sku: Sku,
    },
    /// The line was accepted before with different values.
    #[error("the line {line} of order {order} was accepted before{difference}",
        line = .line_id.0, order = .order_id.0, difference = difference(differs))]
    LineExists {
        /// The order of the line.
        order_id: OrderId,
        /// The id of the line.
        line_id: LineId,
        /// The name of a field that differs: `quantity`, `need_by` or `priority`; `line_id` if the
        /// existing line is held and the command allocates, or the other way round.
        differs: String,
    },
}

/// The end of a sentence that says how a line differs from the one accepted before.
pub(super) fn difference(differs: &str) -> String {
    match differs {
        "line_id" => ", and only one of the two is a hold".to_owned(),
        field => format!(", with another {field}"),
    }
}

/// Releases a line: its units become available again, or the line stops waiting for stock. Shipped
/// units stay shipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deallocate {
    /// The order of the line.
    pub order_id: OrderId,
    /// The id of the line.
    pub line_id: LineId,
    /// The SKU of the line; required only if the order has the line id for several SKUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
    /// The reason, shown in the stock history. Only the first 200 characters are stored.
    #[serde(default)]
    pub reason: String,
}

/// Result of releasing a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineReleased {
    /// The state of the line after its release.
    pub line: LineState,
    /// Short lines that were allocated to the released units.
    pub moved: Vec<MovedLine>,
}

/// Reasons for which a command on an existing line is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Error)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum LineRefused {
    /// The order has no such line.
    #[error("there is no line {line} in order {order}", line = .line_id.0, order = .order_id.0)]
    UnknownLine {
        /// The requested order.
        order_id: OrderId,
        /// The requested line.
        line_id: LineId,
    },
    /// The order has this line id for several SKUs; the command must name the SKU.
    #[error("order {order} has the line {line} for several SKUs, name one",
        line = .line_id.0, order = .order_id.0)]
    AmbiguousLine {
        /// The requested order.
        order_id: OrderId,
        /// The requested line.
        line_id: LineId,
    },
    /// The command is not possible in the current phase of the line.
    #[error("the line {line} of order {order} is {is:?}: {requirement}",
        line = .line_id.0, order = .order_id.0)]
    WrongPhase {
        /// The order of the line.
        order_id: OrderId,
        /// The id of the line.
        line_id: LineId,
        /// The current phase of the line.
        is: LinePhase,
        /// What the command requires of the line, as a sentence.
        #[serde(rename = "why")]
        requirement: String,
    },
    /// More units were requested than possible.
    #[error("{requested} units are more than the {possible} that are left")]
    TooMany {
        /// Requested units.
        requested: u32,
        /// The largest possible number of units.
        possible: u32,
    },
    /// The batch has not arrived or is closed, so units cannot be shipped from it or restocked into
    /// it.
    #[error("the batch {batch} is not in the warehouse", batch = .batch.0)]
    NotInWarehouse {
        /// The reference of the batch.
        batch: BatchReference,
    },
    /// No batch of this SKU has this reference.
    #[error("no batch of this SKU has the reference {batch}", batch = .batch.0)]
    UnknownBatch {
        /// The requested reference.
        batch: BatchReference,
    },
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
