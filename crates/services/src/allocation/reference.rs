//! Batch references: each belongs to one SKU for ever, whichever partition its stock is in.

use earmark_contracts::values::Sku;
use earmark_kernel::{Aggregate, Event};
use serde::{Deserialize, Serialize};

/// A batch reference, and whose it is. Its key is the reference.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Reference {
    /// The SKU that has claimed it.
    pub sku: Option<Sku>,
}

/// What can happen to a reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum ReferenceEvent {
    /// A SKU took it.
    #[serde(rename = "allocation.reference_claimed")]
    Claimed {
        /// The SKU.
        sku: Sku,
    },
}

/// The wire name of [`ReferenceEvent::Claimed`].
pub const CLAIMED: &str = "allocation.reference_claimed";

impl Event for ReferenceEvent {
    fn name(&self) -> &'static str {
        CLAIMED
    }
}

impl Aggregate for Reference {
    const NAME: &'static str = "reference";
    type Event = ReferenceEvent;

    fn evolve(&mut self, event: &ReferenceEvent) {
        let ReferenceEvent::Claimed { sku } = event;
        self.sku = Some(sku.clone());
    }
}
