//! The totals of a batch, as the fold of its events. The aggregate and the view share this fold,
//! so they cannot disagree.

use earmark_contracts::allocation::{BatchPhase, BatchState};
use earmark_contracts::values::{BatchReference, Day, Sku};
use serde::{Deserialize, Serialize};

use super::events::{BatchCreated, StockEvent};

/// The totals of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchTotals {
    /// The reference of the batch.
    pub reference: BatchReference,
    /// Units that the batch contains or will contain.
    pub purchased: u32,
    /// Units promised to lines, including held units.
    pub allocated: u32,
    /// Held units.
    pub held: u32,
    /// The expected day of arrival; `None` if the batch is in the warehouse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta: Option<Day>,
    /// The day of arrival, if the batch was incoming before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived: Option<Day>,
    /// The expiry day: from its beginning on, the units cannot be promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Day>,
    /// `None` if the batch is open, `Some(true)` if it has expired, `Some(false)` if it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<bool>,
    /// Starts at 1 and increases with every event of the batch.
    pub version: u32,
}

impl BatchTotals {
    /// The totals of a new batch.
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

    /// The day on which goods that are promised `today` can be shipped.
    #[must_use]
    pub fn promise(&self, today: Day) -> Day {
        self.eta.map_or(today, |eta| eta.max(today))
    }

    /// The day on which goods that were allocated on `day` can be shipped, by the current ETA.
    #[must_use]
    pub fn promised(&self, day: Day) -> Day {
        self.eta.or(self.arrived).map_or(day, |arrival| arrival.max(day))
    }

    /// Applies an event of this batch.
    pub fn evolve(&mut self, event: &StockEvent) {
        self.version += u32::from(!earmark_kernel::failpoint::is_on("version-not-bumped"));
        match event {
            StockEvent::BatchResized(it) => self.purchased = it.to,
            StockEvent::BatchEtaChanged(it) => {
                self.arrived = it.to.is_none().then_some(it.day);
                self.eta = it.to;
            }
            StockEvent::BatchClosed(it) => self.closed = Some(it.expired),
            StockEvent::Allocated(it) => {
                self.allocated += it.quantity;
                self.held += if it.held_until.is_some() { it.quantity } else { 0 };
            }
            StockEvent::Deallocated(it) => self.deallocate(it.quantity, it.held),
            StockEvent::Released(it) => self.deallocate(it.quantity, it.held),
            StockEvent::HoldEnded(it) => self.deallocate(it.quantity, true),
            StockEvent::HoldConfirmed(it) => self.held -= it.quantity,
            StockEvent::Shipped(it) => {
                self.purchased -= it.quantity;
                self.allocated -= it.quantity;
            }
            StockEvent::Returned(it) => self.purchased += it.quantity,
            StockEvent::BatchCreated(_)
            | StockEvent::Queued(_)
            | StockEvent::StockExhausted(_)
            | StockEvent::HoldAdopted(_)
            | StockEvent::GoodsReady(_) => {}
        }
    }

    fn deallocate(&mut self, quantity: u32, held: bool) {
        self.allocated -= quantity;
        self.held -= if held { quantity } else { 0 };
    }

    /// The state of the batch as reported to callers.
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
