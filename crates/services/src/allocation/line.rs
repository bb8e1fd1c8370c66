//! The state of an order line, as the fold of its events. The aggregate and the view share this
//! fold, so they cannot disagree.

use earmark_contracts::allocation::{LinePhase, LineState, PassedOver};
use earmark_contracts::values::{BatchReference, Day, Priority, Sku};
use earmark_kernel::UnixMillis;
use serde::{Deserialize, Serialize};

use super::batch_totals::BatchTotals;
use super::events::{LineKey, Round, StockEvent};

/// The state of an order line. Stores contain one for each line, so the stored field names have
/// one letter, and fields with their most frequent value are omitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The number of lines that the SKU's stock had accepted before this one.
    #[serde(rename = "i", default, skip_serializing_if = "is_zero")]
    pub number: u32,
    /// Ordered units.
    #[serde(rename = "q")]
    pub quantity: u32,
    /// Shipped units.
    #[serde(rename = "s", default, skip_serializing_if = "is_zero")]
    pub shipped: u32,
    /// The batch of the last shipment. Boxed, because few lines have one and many are in memory.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub shipped_from: Option<Box<BatchReference>>,
    /// Returned units.
    #[serde(rename = "r", default, skip_serializing_if = "is_zero")]
    pub returned: u32,
    /// The last day on which the goods may be shipped.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub need_by: Option<Day>,
    /// The priority of the line.
    #[serde(rename = "p")]
    pub priority: Priority,
    /// The operation of the order's reservation by which the line was accepted.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<Round>,
    /// The status of the line.
    #[serde(rename = "w")]
    pub status: LineStatus,
    /// Preferred batches that could not take the line when it was allocated.
    #[serde(rename = "o", default, skip_serializing_if = "<[_]>::is_empty")]
    pub passed_over: Box<[PassedOver]>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(units: &u32) -> bool {
    *units == 0
}

/// The status of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LineStatus {
    /// The line waits for stock. A held line has this status only until it is reallocated or its
    /// hold ends, in the same unit of work.
    #[serde(rename = "s")]
    Short {
        /// The end of the hold that lost its stock.
        #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
        held_until: Option<UnixMillis>,
    },
    /// The line is allocated to a batch.
    #[serde(rename = "i")]
    Allocated {
        /// The batch.
        #[serde(rename = "b")]
        batch: BatchReference,
        /// The day of the allocation.
        #[serde(rename = "d")]
        day: Day,
        /// The end of the hold; `None` if the line is not held.
        #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
        held_until: Option<UnixMillis>,
    },
    /// All units were shipped.
    #[serde(rename = "x")]
    Shipped {
        /// The batch of the last shipment.
        #[serde(rename = "b")]
        batch: BatchReference,
    },
    /// The hold was not confirmed in time, or lost its stock and belongs to no reservation.
    #[serde(rename = "e")]
    HoldEnded,
    /// The line belongs to a reservation and has lost its stock.
    #[serde(rename = "m")]
    Missing,
    /// The line was released.
    #[serde(rename = "r")]
    Released,
}

impl Line {
    /// The line that an event accepts; `None` if the event does not accept one.
    #[must_use]
    pub fn accepted(event: &StockEvent, number: u32) -> Option<Self> {
        let (quantity, need_by, priority, reservation) = match event {
            StockEvent::Allocated(it) => (it.quantity, it.need_by, it.priority, it.reservation),
            StockEvent::Queued(it) => (it.quantity, it.need_by, it.priority, it.reservation),
            _ => return None,
        };
        let status = LineStatus::Short { held_until: None };
        Some(Self {
            number,
            quantity,
            shipped: 0,
            shipped_from: None,
            returned: 0,
            need_by,
            priority,
            reservation,
            status,
            passed_over: Box::default(),
        })
    }

    /// Units that are not shipped yet.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.quantity - self.shipped
    }

    /// Whether a new line may take the id of this one.
    #[must_use]
    pub fn ended(&self) -> bool {
        matches!(self.status, LineStatus::HoldEnded | LineStatus::Released)
    }

    /// Applies an event of this line.
    pub fn evolve(&mut self, event: &StockEvent) {
        match event {
            StockEvent::Allocated(it) => {
                let (batch, day, held_until) = (it.batch.clone(), it.day, it.held_until);
                self.status = LineStatus::Allocated { batch, day, held_until };
                self.passed_over = it.passed_over.as_slice().into();
            }
            StockEvent::Deallocated(_) => {
                let held_until = self.held_until();
                self.status = LineStatus::Short { held_until };
            }
            StockEvent::Queued(_) => self.status = LineStatus::Short { held_until: None },
            StockEvent::Released(_) => match self.shipped_from.clone() {
                None => self.status = LineStatus::Released,
                Some(batch) => {
                    self.status = LineStatus::Shipped { batch: *batch };
                    self.quantity = self.shipped;
                }
            },
            StockEvent::HoldAdopted(it) => self.reservation = Some(it.reservation),
            StockEvent::HoldConfirmed(_) => {
                if let LineStatus::Allocated { held_until, .. } = &mut self.status {
                    *held_until = None;
                }
            }
            StockEvent::HoldEnded(_) => {
                let was_lost = matches!(self.status, LineStatus::Short { .. });
                self.status = match self.reservation {
                    Some(_) if was_lost => LineStatus::Missing,
                    _ => LineStatus::HoldEnded,
                };
            }
            StockEvent::Shipped(it) => {
                self.shipped += it.quantity;
                self.shipped_from = Some(Box::new(it.batch.clone()));
                if it.finished {
                    self.status = LineStatus::Shipped { batch: it.batch.clone() };
                }
            }
            StockEvent::Returned(it) => self.returned += it.quantity,
            StockEvent::StockExhausted(_)
            | StockEvent::GoodsReady(_)
            | StockEvent::BatchCreated(_)
            | StockEvent::BatchResized(_)
            | StockEvent::BatchEtaChanged(_)
            | StockEvent::BatchClosed(_) => {}
        }
    }

    /// The end of the line's hold; `None` if the line is not held.
    #[must_use]
    pub fn held_until(&self) -> Option<UnixMillis> {
        match &self.status {
            LineStatus::Allocated { held_until, .. } | LineStatus::Short { held_until } => {
                *held_until
            }
            _ => None,
        }
    }

    /// The end of a hold that the stock itself ends; `None` if there is none or a reservation ends
    /// it.
    #[must_use]
    pub fn ends_by_itself(&self) -> Option<UnixMillis> {
        if self.reservation.is_some() { None } else { self.held_until() }
    }

    /// The batch to which the line is allocated or from which it was shipped.
    #[must_use]
    pub fn batch(&self) -> Option<&BatchReference> {
        match &self.status {
            LineStatus::Allocated { batch, .. } | LineStatus::Shipped { batch } => Some(batch),
            _ => None,
        }
    }

    /// The state of the line as reported to callers; `batch` is the totals of its batch.
    #[must_use]
    pub fn state(&self, key: &LineKey, sku: &Sku, batch: Option<&BatchTotals>) -> LineState {
        let (state, promised) = match &self.status {
            LineStatus::Short { .. } => (LinePhase::Short, None),
            LineStatus::Allocated { day, held_until, .. } => {
                let phase = if held_until.is_some() { LinePhase::Held } else { LinePhase::Placed };
                (phase, batch.map(|batch| batch.promised(*day)))
            }
            LineStatus::Shipped { .. } => (LinePhase::Shipped, None),
            LineStatus::HoldEnded => (LinePhase::HoldEnded, None),
            LineStatus::Missing => (LinePhase::Missing, None),
            LineStatus::Released => (LinePhase::Released, None),
        };
        LineState {
            order_id: key.order_id.clone(),
            line_id: key.line_id.clone(),
            sku: sku.clone(),
            quantity: self.quantity,
            state,
            batch: self.batch().cloned(),
            promised,
            need_by: self.need_by,
            priority: self.priority,
            shipped_quantity: self.shipped,
            returned_quantity: self.returned,
            held_until_ms: self.held_until().map(|until| until.0),
        }
    }
}
