//! What can happen to the stock of a SKU. These events stay in the log; others hear publications.

use earmark_contracts::allocation::{Disposition, PassedOver};
use earmark_contracts::values::{BatchReference, Day, LineId, OrderId, Priority, Sku};
use earmark_kernel::{Event, Fact, UnixMillis};
use serde::{Deserialize, Serialize};

/// A line of an order, as the stock of its SKU knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LineKey {
    /// The order.
    pub order_id: OrderId,
    /// The line.
    pub line_id: LineId,
}

/// Everything that can happen to the stock of a SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum StockEvent {
    /// See [`BatchCreated`].
    #[serde(rename = "allocation.batch_created")]
    BatchCreated(BatchCreated),
    /// See [`BatchQuantityChanged`].
    #[serde(rename = "allocation.batch_quantity_changed")]
    BatchQuantityChanged(BatchQuantityChanged),
    /// See [`BatchEtaChanged`].
    #[serde(rename = "allocation.batch_eta_changed")]
    BatchEtaChanged(BatchEtaChanged),
    /// See [`BatchClosed`].
    #[serde(rename = "allocation.batch_closed")]
    BatchClosed(BatchClosed),
    /// See [`Allocated`].
    #[serde(rename = "allocation.allocated")]
    Allocated(Allocated),
    /// See [`Deallocated`].
    #[serde(rename = "allocation.deallocated")]
    Deallocated(Deallocated),
    /// See [`Queued`].
    #[serde(rename = "allocation.queued")]
    Queued(Queued),
    /// See [`OutOfStock`].
    #[serde(rename = "allocation.out_of_stock")]
    OutOfStock(OutOfStock),
    /// See [`Released`].
    #[serde(rename = "allocation.released")]
    Released(Released),
    /// See [`HoldConfirmed`].
    #[serde(rename = "allocation.hold_confirmed")]
    HoldConfirmed(HoldConfirmed),
    /// See [`HoldEnded`].
    #[serde(rename = "allocation.hold_ended")]
    HoldEnded(HoldEnded),
    /// See [`Shipped`].
    #[serde(rename = "allocation.shipped")]
    Shipped(Shipped),
    /// See [`Returned`].
    #[serde(rename = "allocation.returned")]
    Returned(Returned),
}

/// A batch came into being.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchCreated {
    /// Its reference.
    pub batch: BatchReference,
    /// Units purchased.
    pub quantity: u32,
    /// When it arrives; none: it is in the warehouse.
    pub eta: Option<Day>,
    /// From this day on it can no longer be promised.
    pub expires: Option<Day>,
}

/// A batch turned out larger or smaller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchQuantityChanged {
    /// The batch.
    pub batch: BatchReference,
    /// Units before.
    pub from: u32,
    /// Units now.
    pub to: u32,
    /// Why.
    pub reason: String,
}

/// A batch comes earlier or later, or has arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchEtaChanged {
    /// The batch.
    pub batch: BatchReference,
    /// When it was to arrive; none: it was in the warehouse.
    pub from: Option<Day>,
    /// When it arrives; none: it has arrived.
    pub to: Option<Day>,
    /// The day on which that became known.
    pub day: Day,
    /// Why.
    pub reason: String,
}

/// A batch was taken out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchClosed {
    /// The batch.
    pub batch: BatchReference,
    /// Its day had come.
    pub expired: bool,
    /// Why.
    pub reason: String,
}

/// A line got a place in a batch, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "AllocatedInLog")]
pub struct Allocated {
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Units of it that have not left yet: all of them are in this batch.
    pub quantity: u32,
    /// The batch.
    pub batch: BatchReference,
    /// The day on which it was placed.
    pub day: Day,
    /// The day on which the goods can go.
    pub promised: Day,
    /// The last day on which the line is of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub need_by: Option<Day>,
    /// How much the line matters.
    pub priority: Priority,
    /// The place is kept until then; none: for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_until: Option<UnixMillis>,
    /// Batches that come before this one and were passed over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<PassedOver>,
    /// The line had been accepted before: it waited or lost its place.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// As it stands in the log, where most events are of this kind: what is flattened is read twice.
#[derive(Deserialize)]
struct AllocatedInLog {
    order_id: OrderId,
    line_id: LineId,
    quantity: u32,
    batch: BatchReference,
    day: Day,
    promised: Day,
    need_by: Option<Day>,
    priority: Priority,
    held_until: Option<UnixMillis>,
    #[serde(default)]
    passed_over: Vec<PassedOver>,
    #[serde(default)]
    again: bool,
}

impl From<AllocatedInLog> for Allocated {
    fn from(it: AllocatedInLog) -> Self {
        Self {
            line: LineKey { order_id: it.order_id, line_id: it.line_id },
            quantity: it.quantity,
            batch: it.batch,
            day: it.day,
            promised: it.promised,
            need_by: it.need_by,
            priority: it.priority,
            held_until: it.held_until,
            passed_over: it.passed_over,
            again: it.again,
        }
    }
}

/// A line lost its place and is to be placed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deallocated {
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Units.
    pub quantity: u32,
    /// The batch it was in.
    pub batch: BatchReference,
    /// It was held only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// Why.
    pub reason: String,
}

/// A line for which there is no stock was accepted and waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Units.
    pub quantity: u32,
    /// The last day on which the line is of use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need_by: Option<Day>,
    /// How much the line matters.
    pub priority: Priority,
}

/// There was no stock for a line. Says so; changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutOfStock {
    /// The SKU.
    pub sku: Sku,
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Units wanted.
    pub quantity: u32,
    /// The line waits for stock.
    pub queued: bool,
}

/// A line gave its place back, or its wait up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Units that had not left.
    pub quantity: u32,
    /// The batch it was in; none: it was short.
    pub batch: Option<BatchReference>,
    /// It was held only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// Why.
    pub reason: String,
}

/// A held line keeps its place for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldConfirmed {
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Units.
    pub quantity: u32,
    /// The batch it is in.
    pub batch: BatchReference,
}

/// A hold was not confirmed in time, or lost its stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldEnded {
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Units.
    pub quantity: u32,
    /// The batch it was in; none: it had lost it.
    pub batch: Option<BatchReference>,
    /// Why.
    pub reason: String,
}

/// Goods left for a line; the batch holds as many fewer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipped {
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Units that left now.
    pub quantity: u32,
    /// The batch they left.
    pub batch: BatchReference,
    /// Nothing is left to ship.
    pub finished: bool,
}

/// Goods came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Units that came back.
    pub quantity: u32,
    /// What became of them.
    pub disposition: Disposition,
    /// The batch they went into; none: they were written off.
    pub batch: Option<BatchReference>,
}

impl StockEvent {
    /// The batch whose totals the event changes.
    #[must_use]
    pub fn batch(&self) -> Option<&BatchReference> {
        match self {
            Self::BatchCreated(it) => Some(&it.batch),
            Self::BatchQuantityChanged(it) => Some(&it.batch),
            Self::BatchEtaChanged(it) => Some(&it.batch),
            Self::BatchClosed(it) => Some(&it.batch),
            Self::Allocated(it) => Some(&it.batch),
            Self::Deallocated(it) => Some(&it.batch),
            Self::HoldConfirmed(it) => Some(&it.batch),
            Self::Shipped(it) => Some(&it.batch),
            Self::Released(it) => it.batch.as_ref(),
            Self::HoldEnded(it) => it.batch.as_ref(),
            Self::Returned(it) => it.batch.as_ref(),
            Self::Queued(_) | Self::OutOfStock(_) => None,
        }
    }

    /// The line the event concerns, with its units.
    #[must_use]
    pub fn line(&self) -> Option<(&LineKey, u32)> {
        match self {
            Self::Allocated(it) => Some((&it.line, it.quantity)),
            Self::Deallocated(it) => Some((&it.line, it.quantity)),
            Self::Queued(it) => Some((&it.line, it.quantity)),
            Self::OutOfStock(it) => Some((&it.line, it.quantity)),
            Self::Released(it) => Some((&it.line, it.quantity)),
            Self::HoldConfirmed(it) => Some((&it.line, it.quantity)),
            Self::HoldEnded(it) => Some((&it.line, it.quantity)),
            Self::Shipped(it) => Some((&it.line, it.quantity)),
            Self::Returned(it) => Some((&it.line, it.quantity)),
            Self::BatchCreated(_)
            | Self::BatchQuantityChanged(_)
            | Self::BatchEtaChanged(_)
            | Self::BatchClosed(_) => None,
        }
    }

    /// Why it happened, where somebody said so.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        let reason = match self {
            Self::BatchQuantityChanged(it) => &it.reason,
            Self::BatchEtaChanged(it) => &it.reason,
            Self::BatchClosed(it) => &it.reason,
            Self::Deallocated(it) => &it.reason,
            Self::Released(it) => &it.reason,
            Self::HoldEnded(it) => &it.reason,
            _ => return None,
        };
        (!reason.is_empty()).then_some(reason)
    }
}

impl Event for StockEvent {
    fn name(&self) -> &'static str {
        match self {
            Self::BatchCreated(_) => BatchCreated::NAME,
            Self::BatchQuantityChanged(_) => BatchQuantityChanged::NAME,
            Self::BatchEtaChanged(_) => BatchEtaChanged::NAME,
            Self::BatchClosed(_) => BatchClosed::NAME,
            Self::Allocated(_) => Allocated::NAME,
            Self::Deallocated(_) => Deallocated::NAME,
            Self::Queued(_) => Queued::NAME,
            Self::OutOfStock(_) => OutOfStock::NAME,
            Self::Released(_) => Released::NAME,
            Self::HoldConfirmed(_) => HoldConfirmed::NAME,
            Self::HoldEnded(_) => HoldEnded::NAME,
            Self::Shipped(_) => Shipped::NAME,
            Self::Returned(_) => Returned::NAME,
        }
    }
}
