//! Messages of *Architecture Patterns with Python*, chapter 11, as other systems send them.

use earmark_kernel::Message;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{BatchReference, Level, OrderId, Quantity, Sku};

/// Sets the quantity of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeBatchQuantity {
    /// The reference of the batch.
    pub batchref: BatchReference,
    /// The new number of units in the batch.
    pub qty: Level,
}

/// Promises stock to an order line whose id is its SKU. If there is no stock, the line is rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AllocateLine {
    /// The order of the line.
    pub orderid: OrderId,
    /// The ordered SKU.
    pub sku: Sku,
    /// Ordered units. All are allocated to one batch.
    pub qty: Quantity,
}

impl Message for ChangeBatchQuantity {
    const NAME: &'static str = "change_batch_quantity";
}

impl Message for AllocateLine {
    const NAME: &'static str = "allocate";
}
