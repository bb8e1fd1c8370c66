//! The totals of a batch and the facts of a line, each as the fold of events: the aggregate and
//! the views keep the same, so they cannot disagree.

use earmark_contracts::allocation::{BatchPhase, BatchState, LinePhase, LineState, PassedOver};
use earmark_contracts::values::{BatchReference, Day, Priority, Sku};
use earmark_kernel::UnixMillis;
use serde::{Deserialize, Serialize};

use super::events::{BatchCreated, LineKey, StockEvent};

/// The totals of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchTotals {
    /// Its reference.
    pub reference: BatchReference,
    /// Units it holds or will hold.
    pub purchased: u32,
    /// Units promised, held ones included.
    pub allocated: u32,
    /// Units held.
    pub held: u32,
    /// When it arrives; none: it is in the warehouse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta: Option<Day>,
    /// The day on which it arrived, if it was on its way before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived: Option<Day>,
    /// From this day on it can no longer be promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Day>,
    /// Whether it was taken out, and whether because its day had come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<bool>,
    /// Counted up with every event that concerns it.
    pub version: u32,
}

impl BatchTotals {
    /// A batch as it was created.
    #[must_use]
    pub fn created(fact: &BatchCreated) -> Self {
        Self {
            reference: fact.batch.clone(),
            purchased: fact.quantity,
            allocated: 0,
            held: 0,
            eta: fact.eta,
            arrived: None,
            expires: fact.expires,
            closed: None,
            version: 1,
        }
    }

    /// Units that can still be promised.
    #[must_use]
    pub fn available(&self) -> u32 {
        if self.closed.is_some() { 0 } else { self.purchased.saturating_sub(self.allocated) }
    }

    /// The day on which goods promised from it on `today` can go.
    #[must_use]
    pub fn promise(&self, today: Day) -> Day {
        self.eta.map_or(today, |eta| eta.max(today))
    }

    /// The day on which goods promised from it on `placed` can go, as is known now.
    #[must_use]
    pub fn promised(&self, placed: Day) -> Day {
        self.eta.or(self.arrived).map_or(placed, |day| day.max(placed))
    }

    /// Changes the totals as an event says that concerns this batch.
    pub fn evolve(&mut self, event: &StockEvent) {
        self.version += u32::from(!earmark_kernel::failpoint::is_on("version-not-bumped"));
        match event {
            StockEvent::BatchQuantityChanged(it) => self.purchased = it.to,
            StockEvent::BatchEtaChanged(it) => {
                self.arrived = it.to.is_none().then_some(it.day);
                self.eta = it.to;
            }
            StockEvent::BatchClosed(it) => self.closed = Some(it.expired),
            StockEvent::Allocated(it) => {
                self.allocated += it.quantity;
                self.held += if it.held_until.is_some() { it.quantity } else { 0 };
            }
            StockEvent::Deallocated(it) => self.give_back(it.quantity, it.held),
            StockEvent::Released(it) => self.give_back(it.quantity, it.held),
            StockEvent::HoldEnded(it) => self.give_back(it.quantity, true),
            StockEvent::HoldConfirmed(it) => self.held -= it.quantity,
            StockEvent::Shipped(it) => {
                self.purchased -= it.quantity;
                self.allocated -= it.quantity;
            }
            StockEvent::Returned(it) => self.purchased += it.quantity,
            StockEvent::BatchCreated(_) | StockEvent::Queued(_) | StockEvent::OutOfStock(_) => {}
        }
    }

    fn give_back(&mut self, quantity: u32, held: bool) {
        self.allocated -= quantity;
        self.held -= if held { quantity } else { 0 };
    }

    /// The batch as others see it.
    #[must_use]
    pub fn state(&self, sku: &Sku) -> BatchState {
        let state = match (self.closed, self.eta) {
            (Some(true), _) => BatchPhase::Expired,
            (Some(false), _) => BatchPhase::Closed,
            (None, Some(_)) => BatchPhase::Incoming,
            (None, None) => BatchPhase::InWarehouse,
        };
        BatchState {
            reference: self.reference.clone(),
            sku: sku.clone(),
            purchased_quantity: self.purchased,
            allocated_quantity: self.allocated,
            held_quantity: self.held,
            available_quantity: self.available(),
            eta: self.eta,
            expires: self.expires,
            state,
            version: self.version,
        }
    }
}

/// The facts of a line. There is one of each line: where it is kept the fields have names of one
/// letter, and what is as of most is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Lines are numbered in the order in which the SKU's stock accepted them.
    #[serde(rename = "i", default, skip_serializing_if = "is_zero")]
    pub number: u32,
    /// Units wanted.
    #[serde(rename = "q")]
    pub quantity: u32,
    /// Units that left.
    #[serde(rename = "s", default, skip_serializing_if = "is_zero")]
    pub shipped: u32,
    /// The batch that units left last. Few lines have one, and many lines are in memory.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub shipped_from: Option<Box<BatchReference>>,
    /// Units that came back.
    #[serde(rename = "r", default, skip_serializing_if = "is_zero")]
    pub returned: u32,
    /// The last day on which it is of use.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub need_by: Option<Day>,
    /// How much it matters.
    #[serde(rename = "p")]
    pub priority: Priority,
    /// Where it is.
    #[serde(rename = "w")]
    pub place: Place,
    /// Batches that were passed over when it was placed.
    #[serde(rename = "o", default, skip_serializing_if = "<[_]>::is_empty")]
    pub passed_over: Box<[PassedOver]>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(units: &u32) -> bool {
    *units == 0
}

/// Where a line is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// It waits for stock. A hold is here only until its fate is decided, in the same unit of work.
    #[serde(rename = "s")]
    Short {
        /// It was held.
        #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
        held_until: Option<UnixMillis>,
    },
    /// It has a place.
    #[serde(rename = "i")]
    In {
        /// The batch.
        #[serde(rename = "b")]
        batch: BatchReference,
        /// The day on which it was placed.
        #[serde(rename = "d")]
        day: Day,
        /// The place is kept until then; none: for good.
        #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
        held_until: Option<UnixMillis>,
    },
    /// All its goods left, last from this batch.
    #[serde(rename = "x")]
    Shipped {
        /// The batch.
        #[serde(rename = "b")]
        batch: BatchReference,
    },
    /// It was held, and is no more.
    #[serde(rename = "e")]
    HoldEnded,
    /// It gave its place back.
    #[serde(rename = "r")]
    Released,
}

impl Line {
    /// A line as it was accepted by this event; `None` where the event accepts none.
    #[must_use]
    pub fn accepted(event: &StockEvent, number: u32) -> Option<Self> {
        let (quantity, need_by, priority) = match event {
            StockEvent::Allocated(it) => (it.quantity, it.need_by, it.priority),
            StockEvent::Queued(it) => (it.quantity, it.need_by, it.priority),
            _ => return None,
        };
        let place = Place::Short { held_until: None };
        Some(Self {
            number,
            quantity,
            shipped: 0,
            shipped_from: None,
            returned: 0,
            need_by,
            priority,
            place,
            passed_over: Box::default(),
        })
    }

    /// Units that have not left.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.quantity - self.shipped
    }

    /// Whether a new line may take its id.
    #[must_use]
    pub fn ended(&self) -> bool {
        matches!(self.place, Place::HoldEnded | Place::Released)
    }

    /// Changes the facts as an event says that concerns this line.
    pub fn evolve(&mut self, event: &StockEvent) {
        match event {
            StockEvent::Allocated(it) => {
                let (batch, day, held_until) = (it.batch.clone(), it.day, it.held_until);
                self.place = Place::In { batch, day, held_until };
                self.passed_over = it.passed_over.as_slice().into();
            }
            StockEvent::Deallocated(_) => {
                let held_until = self.held_until();
                self.place = Place::Short { held_until };
            }
            StockEvent::Queued(_) => self.place = Place::Short { held_until: None },
            StockEvent::Released(_) => match self.shipped_from.clone() {
                None => self.place = Place::Released,
                Some(batch) => {
                    self.place = Place::Shipped { batch: *batch };
                    self.quantity = self.shipped;
                }
            },
            StockEvent::HoldConfirmed(_) => {
                if let Place::In { held_until, .. } = &mut self.place {
                    *held_until = None;
                }
            }
            StockEvent::HoldEnded(_) => self.place = Place::HoldEnded,
            StockEvent::Shipped(it) => {
                self.shipped += it.quantity;
                self.shipped_from = Some(Box::new(it.batch.clone()));
                if it.finished {
                    self.place = Place::Shipped { batch: it.batch.clone() };
                }
            }
            StockEvent::Returned(it) => self.returned += it.quantity,
            StockEvent::OutOfStock(_)
            | StockEvent::BatchCreated(_)
            | StockEvent::BatchQuantityChanged(_)
            | StockEvent::BatchEtaChanged(_)
            | StockEvent::BatchClosed(_) => {}
        }
    }

    /// Until when its place is kept, for a hold.
    #[must_use]
    pub fn held_until(&self) -> Option<UnixMillis> {
        match &self.place {
            Place::In { held_until, .. } | Place::Short { held_until } => *held_until,
            _ => None,
        }
    }

    /// The batch that serves or served it.
    #[must_use]
    pub fn batch(&self) -> Option<&BatchReference> {
        match &self.place {
            Place::In { batch, .. } | Place::Shipped { batch } => Some(batch),
            _ => None,
        }
    }

    /// The line as others see it; `batch` has the totals of its batch.
    #[must_use]
    pub fn state(&self, key: &LineKey, sku: &Sku, batch: Option<&BatchTotals>) -> LineState {
        let (state, promised) = match &self.place {
            Place::Short { .. } => (LinePhase::Short, None),
            Place::In { day, held_until, .. } => {
                let phase = if held_until.is_some() { LinePhase::Held } else { LinePhase::Placed };
                (phase, batch.map(|batch| batch.promised(*day)))
            }
            Place::Shipped { .. } => (LinePhase::Shipped, None),
            Place::HoldEnded => (LinePhase::HoldEnded, None),
            Place::Released => (LinePhase::Released, None),
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
