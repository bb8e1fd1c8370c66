//! Batches: how stock comes into being, changes and ends.

use earmark_kernel::Command;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::values::{BatchReference, Day, Level, LineId, OrderId, Quantity, Sku};

/// Stock comes into being: a batch in the warehouse (no ETA) or on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBatch {
    /// Unique over all SKUs.
    pub reference: BatchReference,
    /// What it holds.
    pub sku: Sku,
    /// How many units were purchased.
    pub quantity: Quantity,
    /// When it will arrive; none: it is in the warehouse.
    #[serde(default)]
    pub eta: Option<Day>,
    /// From this day on it can no longer be promised.
    #[serde(default)]
    pub expires: Option<Day>,
}

/// A batch is there, new or as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatchCreated {
    /// The same batch had been created before; nothing changed.
    pub existed: bool,
    /// The batch.
    pub batch: BatchState,
    /// The lines that were waiting and now have a place in it.
    pub moved: Vec<MovedLine>,
}

/// A batch as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatchState {
    /// Its reference.
    pub reference: BatchReference,
    /// What it holds.
    pub sku: Sku,
    /// Units it holds or will hold, promised or not.
    pub purchased_quantity: u32,
    /// Units promised to lines, held ones included.
    pub allocated_quantity: u32,
    /// Units held for lines that are not confirmed yet.
    pub held_quantity: u32,
    /// Units that can still be promised: purchased less allocated; 0 once it is closed or expired.
    pub available_quantity: u32,
    /// When it will arrive; none: it is in the warehouse.
    pub eta: Option<Day>,
    /// From this day on it can no longer be promised.
    pub expires: Option<Day>,
    /// Where it is in its life.
    pub state: BatchPhase,
    /// Counted up with every change.
    pub version: u32,
}

/// Where a batch is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchPhase {
    /// It can be shipped from.
    InWarehouse,
    /// It has not arrived yet.
    Incoming,
    /// It was taken out.
    Closed,
    /// Its day has come.
    Expired,
}

/// A batch turns out larger or smaller, later or earlier; lines move where they must.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeBatch {
    /// Which batch.
    pub reference: BatchReference,
    /// The units it holds from now on; absent: as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Level>,
    /// When it will arrive; null: it has arrived; absent: as before.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub eta: Option<Option<Day>>,
    /// Why, for the history; at most 200 characters are kept.
    #[serde(default)]
    pub reason: String,
    /// Do it only if one of these names the batch or the stock as it is (entity tags, unquoted).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub if_match: Vec<String>,
}

/// Tells a null from an absent field.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// A batch was changed or closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BatchChanged {
    /// The batch as it is now.
    pub batch: BatchState,
    /// The lines that moved, in the order in which they were placed again.
    pub moved: Vec<MovedLine>,
    /// Names the stock of the SKU as it was before the change: after a dry run, give it as
    /// `If-Match` to demand that exactly this is done.
    pub plan: String,
}

/// A line that lost its place, or got one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MovedLine {
    /// The order.
    pub order_id: OrderId,
    /// The line.
    pub line_id: LineId,
    /// The batch it was in; none: it was short.
    pub from: Option<BatchReference>,
    /// The batch it is in; none: it is short now.
    pub to: Option<BatchReference>,
}

/// A batch is withdrawn; its lines move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseBatch {
    /// Which batch.
    pub reference: BatchReference,
    /// Why, for the history; at most 200 characters are kept.
    #[serde(default)]
    pub reason: String,
    /// As in [`ChangeBatch`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub if_match: Vec<String>,
}

/// Why something is not done to a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Error)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum BatchRefused {
    /// No batch has this reference.
    #[error("no batch has the reference {reference}", reference = .reference.0)]
    UnknownBatch {
        /// The reference that was asked for.
        reference: BatchReference,
    },
    /// Another batch has this reference.
    #[error("another batch has the reference {reference}", reference = .reference.0)]
    BatchExists {
        /// The reference.
        reference: BatchReference,
        /// Which field differs.
        differs: String,
    },
    /// The batch is closed or expired.
    #[error("the batch {reference} is closed", reference = .reference.0)]
    BatchClosed {
        /// The reference.
        reference: BatchReference,
    },
    /// The batch or the stock is not as `if_match` says.
    #[error("the batch {reference} has changed meanwhile", reference = .reference.0)]
    Changed {
        /// The reference.
        reference: BatchReference,
        /// The batch's entity tag now.
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

/// The entity tag of a batch, without quotes: changes with every change of the batch.
#[must_use]
pub fn batch_etag(batch: &BatchState) -> String {
    format!("b{}", batch.version)
}
