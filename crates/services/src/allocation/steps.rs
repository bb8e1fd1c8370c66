//! Commands that only the procedures of this service send, as their steps.

use earmark_contracts::allocation::{BatchCreated, BatchRefused, CreateBatch};
use earmark_contracts::values::{BatchReference, Sku};
use earmark_kernel::Command;
use serde::{Deserialize, Serialize};

/// Claims a batch reference for a SKU.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClaimReference {
    /// The reference.
    pub reference: BatchReference,
    /// The SKU.
    pub sku: Sku,
}

/// Creates a batch whose reference its SKU has claimed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AddBatch(
    /// The batch.
    pub CreateBatch,
);

impl Command for ClaimReference {
    const NAME: &'static str = "allocation.claim_reference";
    type Answer = ();
    type Refusal = BatchRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.reference.0)
    }
}
impl Command for AddBatch {
    const NAME: &'static str = "allocation.add_batch";
    type Answer = BatchCreated;
    type Refusal = BatchRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.0.sku.0)
    }
}
