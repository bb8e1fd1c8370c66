//! Batch references: each belongs to one SKU for ever, in whichever partition the SKU's stock is.

use earmark_contracts::values::Sku;
use earmark_kernel::Aggregate;
use serde::{Deserialize, Serialize};

use crate::declare_events::declare_events;

/// A batch reference and its owner. The aggregate's key is the reference.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Reference {
    /// The SKU that has claimed the reference.
    pub sku: Option<Sku>,
}

declare_events! {
    /// An event of a batch reference.
    pub enum ReferenceEvent {
        Claimed = "allocation.reference_claimed",
    }
}

/// A SKU claimed the reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// The SKU.
    pub sku: Sku,
}

impl Aggregate for Reference {
    const NAME: &'static str = "reference";
    type Event = ReferenceEvent;

    fn evolve(&mut self, event: &ReferenceEvent) {
        let ReferenceEvent::Claimed(fact) = event;
        self.sku = Some(fact.sku.clone());
    }
}
