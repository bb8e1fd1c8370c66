//! Identifiers of SKUs, orders, order lines and batches.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::Text;

/// A stock keeping unit: identifies a product that is stocked and sold.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Sku(pub Text);

/// The id of an order, chosen by the caller.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct OrderId(pub Text);

/// The id of an order line, unique within its order and SKU. Defaults to the SKU.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct LineId(pub Text);

/// The reference of a batch, unique across all SKUs.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct BatchReference(pub Text);
