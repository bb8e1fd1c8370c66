//! Questions to the views of stock and lines, and their answers.

use earmark_kernel::Query;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::batches::BatchState;
use super::lines::{Explanation, LineRefused, LineState};
use crate::values::{BatchReference, Day, LineId, OrderId, Priority, Sku};

/// A batch by its reference.
#[derive(Clone, Debug, JsonSchema)]
pub struct GetBatch {
    /// The reference.
    pub reference: BatchReference,
}

/// The lines of an order, all of them or those with one line id; lines that were released are left
/// out. In order of line id.
#[derive(Clone, Debug, JsonSchema)]
pub struct GetLines {
    /// The order.
    pub order_id: OrderId,
    /// Only this line.
    pub line_id: Option<LineId>,
}

/// Why a line is where it is: all batches as they were when it was last placed.
#[derive(Clone, Debug, JsonSchema)]
pub struct ExplainLine {
    /// The order.
    pub order_id: OrderId,
    /// The line.
    pub line_id: LineId,
    /// Its SKU, needed only where the same line id is used for several.
    pub sku: Option<Sku>,
}

/// A line with the whole explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainedLine {
    /// The line.
    pub line: LineState,
    /// When it was decided, milliseconds since the epoch.
    pub decided_at_ms: i64,
    /// The number of the decision in the log.
    pub sequence: u64,
    /// Why.
    pub explanation: Explanation,
}

/// The stock of SKUs, in order of SKU.
#[derive(Clone, Debug, JsonSchema)]
pub struct ListStock {
    /// Only SKUs after this one.
    pub after: Option<Sku>,
    /// At most so many.
    pub limit: usize,
}

/// The stock of one SKU in sums, units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockLevel {
    /// The SKU.
    pub sku: Sku,
    /// In the warehouse, promised or not.
    pub on_hand: u64,
    /// On its way, promised or not.
    pub incoming: u64,
    /// Promised to lines, held ones included.
    pub allocated: u64,
    /// Held for lines that are not confirmed yet.
    pub held: u64,
    /// Can still be promised.
    pub available: u64,
    /// Wanted by lines that wait.
    pub short: u64,
    /// When the next batch with units to promise arrives.
    pub next_eta: Option<Day>,
}

/// The stock of one SKU with its batches and its short lines.
#[derive(Clone, Debug, JsonSchema)]
pub struct GetStock {
    /// The SKU.
    pub sku: Sku,
}

/// The stock of one SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockDetail {
    /// The sums.
    #[serde(flatten)]
    pub level: StockLevel,
    /// The batches, in order of reference.
    pub batches: Vec<BatchState>,
    /// The lines that wait, in order of order and line, at most [`SHORT_LINES_MAX`].
    pub short_lines: Vec<ShortLine>,
}

/// At most so many short lines are shown with a stock.
pub const SHORT_LINES_MAX: usize = 1_000;

/// A line that waits for stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShortLine {
    /// The order.
    pub order_id: OrderId,
    /// The line.
    pub line_id: LineId,
    /// How many units.
    pub quantity: u32,
    /// The last day on which it is of use.
    pub need_by: Option<Day>,
    /// How much it matters.
    pub priority: Priority,
}

/// What happened to the stock of a SKU, oldest first.
#[derive(Clone, Debug, JsonSchema)]
pub struct StockHistory {
    /// The SKU.
    pub sku: Sku,
    /// Only what happened after this number.
    pub after: u64,
    /// At most so many events.
    pub limit: usize,
}

/// Something that happened to a stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockHappening {
    /// Its number in the log.
    pub sequence: u64,
    /// When, milliseconds since the epoch.
    pub at_ms: i64,
    /// The event's wire name.
    pub event: String,
    /// The id of the command that caused it.
    pub cause: String,
    /// The batch it concerns, before and after; none where it concerns no batch.
    pub batch: Option<BatchBeforeAfter>,
    /// The line it concerns.
    pub order_id: Option<OrderId>,
    /// The line it concerns.
    pub line_id: Option<LineId>,
    /// Units it concerns.
    pub quantity: Option<u32>,
    /// Why, in words, where that is known.
    pub reason: Option<String>,
}

/// A batch before and after something happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatchBeforeAfter {
    /// Its reference.
    pub reference: BatchReference,
    /// Before; none: it was not there.
    pub before: Option<BatchFigures>,
    /// After.
    pub after: BatchFigures,
}

/// The figures of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatchFigures {
    /// Units it holds.
    pub purchased: u32,
    /// Units promised.
    pub allocated: u32,
    /// When it arrives.
    pub eta: Option<Day>,
}

impl Query for GetBatch {
    const NAME: &'static str = "allocation.get_batch";
    type Answer = Option<BatchState>;
}

impl Query for GetLines {
    const NAME: &'static str = "allocation.get_lines";
    type Answer = Vec<LineState>;
}

impl Query for ExplainLine {
    const NAME: &'static str = "allocation.explain_line";
    type Answer = Result<ExplainedLine, LineRefused>;
}

impl Query for ListStock {
    const NAME: &'static str = "allocation.list_stock";
    type Answer = Vec<StockLevel>;
}

impl Query for GetStock {
    const NAME: &'static str = "allocation.get_stock";
    type Answer = Option<StockDetail>;
}

impl Query for StockHistory {
    const NAME: &'static str = "allocation.stock_history";
    type Answer = Option<Vec<StockHappening>>;
}
