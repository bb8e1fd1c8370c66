//! Batches of stock: create, change and close.

use earmark_kernel::Command;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::values::{BatchReference, Day, Level, LineId, OrderId, Quantity, Sku};

/// Creates a batch of stock, in the warehouse (no ETA) or incoming. Short lines that fit are
/// allocated at once. Repeating the same command changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBatch {
    /// The reference of the batch, unique across all SKUs.
    pub reference: BatchReference,
    /// The SKU of the units in the batch.
    pub sku: Sku,
    /// Purchased units.
    pub quantity: Quantity,
    /// The expected day of arrival, UTC; absent or null if the batch is in the warehouse.
    #[serde(default)]
    pub eta: Option<Day>,
    /// The expiry day, UTC: from its beginning on, the batch is expired and its units cannot be
    /// promised. Absent or null if the batch does not expire.
    #[serde(default)]
    pub expires: Option<Day>,
}

/// Result of creating a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatchCreated {
    /// True if the same batch was created before and nothing changed.
    pub existed: bool,
    /// The current state of the batch.
    pub batch: BatchState,
    /// Short lines that were allocated to the batch.
    pub moved: Vec<MovedLine>,
}

/// The current state of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatchState {
    /// The reference of the batch.
    pub reference: BatchReference,
    /// The SKU of the units in the batch.
    pub sku: Sku,
    /// Units that the batch contains or will contain, promised or not. Shipped units are
    /// subtracted, restocked returns are added.
    pub purchased_quantity: u32,
    /// Units promised to lines, including held units.
    pub allocated_quantity: u32,
    /// Units held for lines that are not confirmed yet.
    pub held_quantity: u32,
    /// Units that can still be promised: purchased minus allocated; 0 if the batch is closed or
    /// expired.
    pub available_quantity: u32,
    /// The expected day of arrival, UTC; null if the batch is in the warehouse.
    pub eta: Option<Day>,
    /// The expiry day, UTC: from its beginning on, the units cannot be promised. Null if the batch
    /// does not expire.
    pub expires: Option<Day>,
    /// The phase of the batch's life cycle.
    pub state: BatchPhase,
    /// Starts at 1 and increases with every change of the batch.
    pub version: u32,
}

/// A phase in the life cycle of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchPhase {
    /// The batch has arrived and can be shipped from.
    InWarehouse,
    /// The batch has not arrived yet.
    Incoming,
    /// The batch was closed by a command.
    Closed,
    /// The expiry day of the batch has begun.
    Expired,
}

/// Changes the quantity or the ETA of a batch, or both. Lines that no longer fit are reallocated
/// to other batches or become short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeBatch {
    /// The reference of the batch.
    pub reference: BatchReference,
    /// The new number of units in the batch; absent or null to keep the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Level>,
    /// The new ETA, UTC; null if the batch has arrived; absent to keep the current one.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub eta: Option<Option<Day>>,
    /// The reason, shown in the stock history. Only the first 200 characters are stored.
    #[serde(default)]
    pub reason: String,
    /// Preconditions, as unquoted entity tags: the change is made only if one of them is the
    /// current entity tag of the batch or the `plan` of a dry run of this command that still
    /// applies. Empty: no precondition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub if_match: Vec<String>,
}

/// Distinguishes a null from an absent field.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Result of changing or closing a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatchChanged {
    /// The current state of the batch.
    pub batch: BatchState,
    /// Lines that moved, in the order of reallocation.
    pub moved: Vec<MovedLine>,
    /// Identifies this command on the SKU's stock as it was before the change. Pass the value of a
    /// dry run as `If-Match` to make exactly the change that the dry run showed, or none.
    pub plan: String,
}

/// A line that lost, got or changed its batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MovedLine {
    /// The order of the line.
    pub order_id: OrderId,
    /// The id of the line.
    pub line_id: LineId,
    /// The batch of the line before; null if the line was short.
    pub from: Option<BatchReference>,
    /// The batch of the line after; null if the line is short or its hold ended.
    pub to: Option<BatchReference>,
}

/// Closes a batch: its units can no longer be promised, and its lines are reallocated to other
/// batches or become short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseBatch {
    /// The reference of the batch.
    pub reference: BatchReference,
    /// The reason, shown in the stock history. Only the first 200 characters are stored.
    #[serde(default)]
    pub reason: String,
    /// Preconditions, as unquoted entity tags: the batch is closed only if one of them is the
    /// current entity tag of the batch or the `plan` of a dry run of this command that still
    /// applies. Empty: no precondition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub if_match: Vec<String>,
}

/// Reasons for which a command on a batch is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Error)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum BatchRefused {
    /// No batch has this reference.
    #[error("no batch has the reference {reference}", reference = .reference.0)]
    UnknownBatch {
        /// The requested reference.
        reference: BatchReference,
    },
    /// A different batch already has this reference.
    #[error("another batch has the reference {reference}", reference = .reference.0)]
    BatchExists {
        /// The requested reference.
        reference: BatchReference,
        /// The name of a field that differs: `sku`, `quantity`, `eta` or `expires`.
        differs: String,
    },
    /// The batch is closed or expired.
    #[error("the batch {reference} is closed", reference = .reference.0)]
    BatchClosed {
        /// The reference of the batch.
        reference: BatchReference,
    },
    /// No entity tag in `if_match` applies: the batch or the stock has changed.
    #[error("the batch {reference} has changed meanwhile", reference = .reference.0)]
    Changed {
        /// The reference of the batch.
        reference: BatchReference,
        /// The current entity tag of the batch, unquoted.
        etag: String,
    },
}

impl Command for CreateBatch {
    const NAME: &'static str = "allocation.create_batch";
    type Answer = BatchCreated;
    type Refusal = BatchRefused;
}

impl Command for ChangeBatch {
    const NAME: &'static str = "allocation.change_batch";
    type Answer = BatchChanged;
    type Refusal = BatchRefused;
}

impl Command for CloseBatch {
    const NAME: &'static str = "allocation.close_batch";
    type Answer = BatchChanged;
    type Refusal = BatchRefused;
}

/// The entity tag of a batch, unquoted. It changes with every change of the batch.
#[must_use]
pub fn batch_etag(batch: &BatchState) -> String {
    format!("b{}", batch.version)
}
