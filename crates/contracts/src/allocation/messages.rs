//! What others send in the book's words: *Architecture Patterns with Python*, chapter 11.

use earmark_kernel::Message;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{BatchReference, Level, OrderId, Quantity, Sku};

/// A batch turns out larger or smaller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeBatchQuantity {
    /// Which batch.
    pub batchref: BatchReference,
    /// The units it holds from now on.
    pub qty: Level,
}

/// Promise stock to a line of an order; its id is its SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AllocateLine {
    /// The order.
    pub orderid: OrderId,
    /// What is wanted.
    pub sku: Sku,
    /// How many units, all from one batch.
    pub qty: Quantity,
}

impl Message for ChangeBatchQuantity {
    const NAME: &'static str = "change_batch_quantity";
}

impl Message for AllocateLine {
    const NAME: &'static str = "allocate";
}
