//! The steps of the procedures: commands that only this service sends to itself.

use earmark_contracts::allocation::{
    AllocateRefused, BatchCreated, BatchRefused, CreateBatch, LineRefused, LineReleased, LineState,
    Placement,
};
use earmark_contracts::values::{BatchReference, LineId, OrderId, Quantity, Sku};
use earmark_kernel::Command;
use serde::{Deserialize, Serialize};

/// A SKU takes a batch reference.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClaimReference {
    /// The reference.
    pub reference: BatchReference,
    /// The SKU.
    pub sku: Sku,
}

/// A batch comes into being under a reference that its SKU has claimed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AddBatch(
    /// The batch.
    pub CreateBatch,
);

/// One line is held.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HoldOne {
    /// The order.
    pub order_id: OrderId,
    /// The line.
    pub line_id: LineId,
    /// Its SKU.
    pub sku: Sku,
    /// Units.
    pub quantity: Quantity,
    /// For how long, seconds.
    pub ttl_s: u32,
}

/// One held line keeps its place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfirmOne {
    /// The order.
    pub order_id: OrderId,
    /// The line.
    pub line_id: LineId,
    /// Its SKU.
    pub sku: Sku,
}

/// One held line gives its place back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReleaseOne {
    /// The order.
    pub order_id: OrderId,
    /// The line.
    pub line_id: LineId,
    /// Its SKU.
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
