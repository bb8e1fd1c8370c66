//! Queries for batches, lines and stock, with their answers.

use earmark_kernel::Query;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::batches::BatchState;
use super::explanation::Explanation;
use super::lines::{LineRefused, LineState};
use crate::values::{BatchReference, Day, LineId, OrderId, Priority, Sku};

/// Returns a batch by its reference; null if there is none.
#[derive(Clone, Debug, JsonSchema)]
pub struct GetBatch {
    /// The reference of the batch.
    pub reference: BatchReference,
}

/// Returns the lines of an order, or only those with one line id, in the order of their line ids.
/// Released lines are not included.
#[derive(Clone, Debug, JsonSchema)]
pub struct GetLines {
    /// The requested order.
    pub order_id: OrderId,
    /// Returns only lines with this id; absent or null for all lines.
    pub line_id: Option<LineId>,
}

/// Returns the hold of an order; null if the order never had one.
#[derive(Clone, Debug, JsonSchema)]
pub struct GetHold {
    /// The requested order.
    pub order_id: OrderId,
}

/// The hold of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HoldState {
    /// The order.
    pub order_id: OrderId,
    /// The phase of the hold.
    pub state: HoldPhase,
    /// The end of the hold, in milliseconds since 1970-01-01 UTC; null if nothing is held.
    pub until_ms: Option<i64>,
    /// The ids of held lines that have lost their stock. The hold cannot be confirmed until they
    /// are held again or the hold is released.
    pub missing: Vec<LineId>,
    /// The lines of the hold.
    pub lines: Vec<LineState>,
}

/// A phase in the life of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldPhase {
    /// Stock is being reserved.
    Holding,
    /// Stock is reserved until the end of the hold.
    Held,
    /// The hold was confirmed; its lines are being confirmed.
    Confirming,
    /// All lines are confirmed.
    Confirmed,
    /// The lines are being given back.
    Releasing,
    /// The hold has ended; its lines are being given back.
    Expiring,
    /// The hold was refused, released or has expired.
    Ended,
}

/// Lists holds that end before a time, in the order of their ends.
#[derive(Clone, Debug, JsonSchema)]
pub struct ListHolds {
    /// Returns only holds that end before this time, in milliseconds since 1970-01-01 UTC; absent
    /// or null for all.
    pub ends_before_ms: Option<i64>,
    /// Returns only holds after this one, by end and order; absent or null to start at the first.
    pub after: Option<HoldEnd>,
    /// The maximum number of holds to return.
    pub limit: usize,
}

/// A hold by its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HoldEnd {
    /// The end of the hold, in milliseconds since 1970-01-01 UTC.
    pub until_ms: i64,
    /// The order.
    pub order_id: OrderId,
}

/// Explains which batch a line is allocated to and why, with all batches as they were when that was
/// decided.
#[derive(Clone, Debug, JsonSchema)]
pub struct ExplainLine {
    /// The order of the line.
    pub order_id: OrderId,
    /// The id of the line.
    pub line_id: LineId,
    /// The SKU of the line; required only if the order has the line id for several SKUs.
    pub sku: Option<Sku>,
}

/// A line with the full explanation of its allocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainedLine {
    /// The current state of the line.
    pub line: LineState,
    /// The time of the decision, in milliseconds since 1970-01-01 UTC.
    pub decided_at_ms: i64,
    /// The sequence number of the decision's event in its partition of the log.
    pub sequence: u64,
    /// The reason for the choice of the batch.
    pub explanation: Explanation,
}

/// Lists stock levels, ordered by SKU.
#[derive(Clone, Debug, JsonSchema)]
pub struct ListStock {
    /// Returns only SKUs after this one; absent or null to start at the first.
    pub after: Option<Sku>,
    /// The maximum number of SKUs to return.
    pub limit: usize,
}

/// The stock level of one SKU, in units. Closed and expired batches are not included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockLevel {
    /// The SKU.
    pub sku: Sku,
    /// Units in the warehouse, promised or not.
    pub on_hand: u64,
    /// Units in incoming batches, promised or not.
    pub incoming: u64,
    /// Units promised to lines, including held units.
    pub allocated: u64,
    /// Units held for lines that are not confirmed yet.
    pub held: u64,
    /// Units that can still be promised.
    pub available: u64,
    /// Units ordered by short lines.
    pub short: u64,
    /// The earliest ETA, UTC, of an incoming batch with available units; null if there is none.
    pub next_eta: Option<Day>,
}

/// Returns the stock of one SKU with its batches and short lines; null if no batch of the SKU was
/// ever created.
#[derive(Clone, Debug, JsonSchema)]
pub struct GetStock {
    /// The requested SKU.
    pub sku: Sku,
}

/// The stock of one SKU, with its batches and short lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockDetail {
    /// The stock level.
    #[serde(flatten)]
    pub level: StockLevel,
    /// The batches, including closed and expired ones, ordered by reference.
    pub batches: Vec<BatchState>,
    /// The short lines, ordered by order and line id, at most 1000.
    pub short_lines: Vec<ShortLine>,
}

/// The maximum number of short lines in a [`StockDetail`].
pub const SHORT_LINES_MAX: usize = 1_000;

/// A line that waits for stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShortLine {
    /// The order of the line.
    pub order_id: OrderId,
    /// The id of the line.
    pub line_id: LineId,
    /// Units for which the line waits.
    pub quantity: u32,
    /// The last day, UTC, on which the goods may be shipped; null for no limit.
    pub need_by: Option<Day>,
    /// The priority of the line, 0 (lowest) to 9 (highest).
    pub priority: Priority,
}

/// Returns the events of a SKU's stock, oldest first; null if the SKU has none.
#[derive(Clone, Debug, JsonSchema)]
pub struct StockHistory {
    /// The requested SKU.
    pub sku: Sku,
    /// Returns only events with a greater sequence number; 0 for all.
    pub after: u64,
    /// The maximum number of events to return.
    pub limit: usize,
}

/// An event in the history of a SKU's stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockHistoryEntry {
    /// The sequence number of the event in its partition of the log.
    pub sequence: u64,
    /// The time of the event, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// The name of the event, for example `allocation.allocated`.
    pub event: String,
    /// The id of the command that caused the event, a UUID.
    pub cause: String,
    /// The affected batch before and after the event; null if no batch is affected.
    pub batch: Option<BatchBeforeAfter>,
    /// The order of the affected line; null if no line is affected.
    pub order_id: Option<OrderId>,
    /// The id of the affected line; null if no line is affected.
    pub line_id: Option<LineId>,
    /// Affected units of the line; null if no line is affected.
    pub quantity: Option<u32>,
    /// The reason, as a sentence or as given by the caller; null if there is none.
    pub reason: Option<String>,
}

/// The totals of a batch before and after an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatchBeforeAfter {
    /// The reference of the batch.
    pub reference: BatchReference,
    /// The totals before the event; null if the event created the batch.
    pub before: Option<BatchFigures>,
    /// The totals after the event.
    pub after: BatchFigures,
}

/// The totals of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatchFigures {
    /// Units that the batch contains or will contain, promised or not.
    pub purchased: u32,
    /// Units promised to lines, including held units.
    pub allocated: u32,
    /// The expected day of arrival, UTC; null if the batch is in the warehouse.
    pub eta: Option<Day>,
}

impl Query for GetHold {
    const NAME: &'static str = "allocation.get_hold";
    type Answer = Option<HoldState>;
}

impl Query for ListHolds {
    const NAME: &'static str = "allocation.list_holds";
    type Answer = Vec<HoldEnd>;
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
    type Answer = Option<Vec<StockHistoryEntry>>;
}
