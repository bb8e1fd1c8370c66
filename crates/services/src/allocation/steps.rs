//! Commands that only the procedures of this service send, as their steps.

use earmark_contracts::allocation::{
    AllocateRefused, BatchCreated, BatchRefused, CreateBatch, LineRefused, LineReleased, LineState,
    Placement,
};
use earmark_contracts::values::{BatchReference, LineId, OrderId, Quantity, Sku};
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

/// Holds one line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HoldOne {
    /// The order of the line.
    pub order_id: OrderId,
    /// The id of the line.
    pub line_id: LineId,
    /// The SKU of the line.
    pub sku: Sku,
    /// Ordered units.
    pub quantity: Quantity,
    /// The duration of the hold, in seconds.
    pub ttl_s: u32,
}

/// Confirms one held line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfirmOne {
    /// The order of the line.
    pub order_id: OrderId,
    /// The id of the line.
    pub line_id: LineId,
    /// The SKU of the line.
    pub sku: Sku,
}

/// Releases one held line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReleaseOne {
    /// The order of the line.
    pub order_id: OrderId,
    /// The id of the line.
    pub line_id: LineId,
    /// The SKU of the line.
    pub sku: Sku,
}

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
impl Command for HoldOne {
    const NAME: &'static str = "allocation.hold_one";
    type Answer = Placement;
    type Refusal = AllocateRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.sku.0)
    }
}
impl Command for ConfirmOne {
    const NAME: &'static str = "allocation.confirm_one";
    type Answer = LineState;
    type Refusal = LineRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.sku.0)
    }
}
impl Command for ReleaseOne {
    const NAME: &'static str = "allocation.release_one";
    type Answer = LineReleased;
    type Refusal = LineRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.sku.0)
    }
}
