//! The events of a SKU's stock, as stored in the log. Other services receive the public events
//! derived from them (`publications.rs`).

use earmark_contracts::allocation::{Disposition, PassedOver};
use earmark_contracts::values::{BatchReference, Day, LineId, OrderId, Priority, Sku};
use earmark_kernel::UnixMillis;
use serde::{Deserialize, Serialize};

use crate::declare_events::declare_events;

declare_events! {
    /// An event of a SKU's stock.
    pub enum StockEvent {
        BatchCreated = "allocation.batch_created",
        BatchResized = "allocation.batch_resized" was "allocation.batch_quantity_changed",
        BatchEtaChanged = "allocation.batch_eta_changed",
        BatchClosed = "allocation.batch_closed",
        Allocated = "allocation.allocated",
        Deallocated = "allocation.deallocated",
        Queued = "allocation.queued",
        StockExhausted = "allocation.stock_exhausted" was "allocation.out_of_stock",
        Released = "allocation.released",
        HoldAdopted = "allocation.hold_adopted",
        HoldConfirmed = "allocation.hold_confirmed",
        HoldEnded = "allocation.hold_ended",
        GoodsReady = "allocation.goods_ready",
        Shipped = "allocation.shipped",
        Returned = "allocation.returned",
    }
}

/// Identifies an order line within the stock of its SKU.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LineKey {
    /// The order of the line.
    pub order_id: OrderId,
    /// The id of the line.
    pub line_id: LineId,
}

/// The number of an operation on a reservation, 1, 2, 3 …; 255 stands for any larger one too.
pub type Round = std::num::NonZeroU8;

/// A batch was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchCreated {
    /// The reference of the batch.
    pub batch: BatchReference,
    /// Purchased units.
    pub quantity: u32,
    /// The expected day of arrival; `None` if the batch is in the warehouse.
    pub eta: Option<Day>,
    /// The expiry day: from its beginning on, the units cannot be promised.
    pub expires: Option<Day>,
}

/// The quantity of a batch was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchResized {
    /// The batch.
    pub batch: BatchReference,
    /// Units before the change.
    pub from: u32,
    /// Units after the change.
    pub to: u32,
    /// The reason given by the caller, at most 200 characters.
    pub reason: String,
}

/// The ETA of a batch was changed, or the batch has arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchEtaChanged {
    /// The batch.
    pub batch: BatchReference,
    /// The ETA before the change; `None` if the batch was in the warehouse.
    pub from: Option<Day>,
    /// The ETA after the change; `None` if the batch has arrived.
    pub to: Option<Day>,
    /// The day of the change.
    pub day: Day,
    /// The reason given by the caller, at most 200 characters.
    pub reason: String,
}

/// A batch was closed or has expired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchClosed {
    /// The batch.
    pub batch: BatchReference,
    /// True if the batch has expired.
    pub expired: bool,
    /// The reason, at most 200 characters.
    pub reason: String,
}

/// A whole line was allocated to a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "FlatAllocated")]
pub struct Allocated {
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Allocated units: the units of the line that are not shipped yet.
    pub quantity: u32,
    /// The batch.
    pub batch: BatchReference,
    /// The day of the allocation.
    pub day: Day,
    /// The day on which the goods can be shipped, as promised then.
    pub promised: Day,
    /// The last day on which the goods may be shipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub need_by: Option<Day>,
    /// The priority of the line.
    pub priority: Priority,
    /// The end of the hold, as it was when the line was accepted; `None` if the line is not held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_until: Option<UnixMillis>,
    /// The operation of the order's reservation by which the line was accepted; `None` for lines
    /// that were allocated directly or before there were reservations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservation: Option<Round>,
    /// Preferred batches that could not take the line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<PassedOver>,
    /// True if the line had been accepted before: it was short or lost its batch.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// [`Allocated`] as it is read from the log. Most events are of this kind, and serde buffers the
/// fields of flattened structs before it reads them.
#[derive(Deserialize)]
struct FlatAllocated {
    order_id: OrderId,
    line_id: LineId,
    quantity: u32,
    batch: BatchReference,
    day: Day,
    promised: Day,
    need_by: Option<Day>,
    priority: Priority,
    held_until: Option<UnixMillis>,
    reservation: Option<Round>,
    #[serde(default)]
    passed_over: Vec<PassedOver>,
    #[serde(default)]
    again: bool,
}

impl From<FlatAllocated> for Allocated {
    fn from(flat: FlatAllocated) -> Self {
        Self {
            line: LineKey { order_id: flat.order_id, line_id: flat.line_id },
            quantity: flat.quantity,
            batch: flat.batch,
            day: flat.day,
            promised: flat.promised,
            need_by: flat.need_by,
            priority: flat.priority,
            held_until: flat.held_until,
            reservation: flat.reservation,
            passed_over: flat.passed_over,
            again: flat.again,
        }
    }
}

/// A line lost its batch. It is reallocated or becomes short in the same unit of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deallocated {
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Deallocated units.
    pub quantity: u32,
    /// The batch of the line until then.
    pub batch: BatchReference,
    /// True if the line was held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// The reason, as a sentence.
    pub reason: String,
}

/// A line without stock was accepted and waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Ordered units.
    pub quantity: u32,
    /// The last day on which the goods may be shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need_by: Option<Day>,
    /// The priority of the line.
    pub priority: Priority,
    /// The operation of the order's reservation by which the line was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<Round>,
}

/// There was no stock for a line. Changes no state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockExhausted {
    /// The ordered SKU.
    pub sku: Sku,
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Units for which there was no stock.
    pub quantity: u32,
    /// True if the line waits for stock.
    pub queued: bool,
}

/// A line was released: its units became available, or it stopped waiting for stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Units that were not shipped.
    pub quantity: u32,
    /// The batch of the line until then; `None` if the line was short.
    pub batch: Option<BatchReference>,
    /// True if the line was held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// The reason, at most 200 characters.
    pub reason: String,
}

/// A line that was held before there were reservations became part of one, which ends its hold from
/// now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldAdopted {
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Held units.
    pub quantity: u32,
    /// The batch of the line.
    pub batch: BatchReference,
    /// The operation of the reservation.
    pub reservation: Round,
}

/// The hold of a line was confirmed: the line stays in its batch and no longer expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldConfirmed {
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Confirmed units.
    pub quantity: u32,
    /// The batch of the line.
    pub batch: BatchReference,
}

/// The hold of a line was not confirmed in time, or lost its stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldEnded {
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Units that were held.
    pub quantity: u32,
    /// The batch of the line until then; `None` if the line had lost it.
    pub batch: Option<BatchReference>,
    /// The reason, as a sentence.
    pub reason: String,
}

/// The goods of a confirmed line are in the warehouse, which they were not before. Changes no
/// state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoodsReady {
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Units that are not shipped yet.
    pub quantity: u32,
    /// The batch of the line.
    pub batch: BatchReference,
}

/// Units of a line were shipped, which removes them from the batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipped {
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Units of this shipment.
    pub quantity: u32,
    /// The batch from which the units were shipped.
    pub batch: BatchReference,
    /// True if all units of the line are shipped now.
    pub finished: bool,
}

/// Shipped units came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    /// The line.
    #[serde(flatten)]
    pub line: LineKey,
    /// Returned units.
    pub quantity: u32,
    /// Whether the units were restocked or written off.
    pub disposition: Disposition,
    /// The batch into which the units were restocked; `None` if they were written off.
    pub batch: Option<BatchReference>,
}

impl StockEvent {
    /// The batch whose totals the event changes.
    #[must_use]
    pub fn batch(&self) -> Option<&BatchReference> {
        match self {
            Self::BatchCreated(it) => Some(&it.batch),
            Self::BatchResized(it) => Some(&it.batch),
            Self::BatchEtaChanged(it) => Some(&it.batch),
            Self::BatchClosed(it) => Some(&it.batch),
            Self::Allocated(it) => Some(&it.batch),
            Self::Deallocated(it) => Some(&it.batch),
            Self::HoldConfirmed(it) => Some(&it.batch),
            Self::Shipped(it) => Some(&it.batch),
            Self::Released(it) => it.batch.as_ref(),
            Self::HoldEnded(it) => it.batch.as_ref(),
            Self::Returned(it) => it.batch.as_ref(),
            Self::Queued(_)
            | Self::StockExhausted(_)
            | Self::HoldAdopted(_)
            | Self::GoodsReady(_) => None,
        }
    }

    /// The line that the event concerns, with the number of units.
    #[must_use]
    pub fn line(&self) -> Option<(&LineKey, u32)> {
        match self {
            Self::Allocated(it) => Some((&it.line, it.quantity)),
            Self::Deallocated(it) => Some((&it.line, it.quantity)),
            Self::Queued(it) => Some((&it.line, it.quantity)),
            Self::StockExhausted(it) => Some((&it.line, it.quantity)),
            Self::Released(it) => Some((&it.line, it.quantity)),
            Self::HoldAdopted(it) => Some((&it.line, it.quantity)),
            Self::HoldConfirmed(it) => Some((&it.line, it.quantity)),
            Self::GoodsReady(it) => Some((&it.line, it.quantity)),
            Self::HoldEnded(it) => Some((&it.line, it.quantity)),
            Self::Shipped(it) => Some((&it.line, it.quantity)),
            Self::Returned(it) => Some((&it.line, it.quantity)),
            Self::BatchCreated(_)
            | Self::BatchResized(_)
            | Self::BatchEtaChanged(_)
            | Self::BatchClosed(_) => None,
        }
    }

    /// The recorded reason, if there is one.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        let reason = match self {
            Self::BatchResized(it) => &it.reason,
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
