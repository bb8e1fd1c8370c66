//! Holds: places for a while, for all lines of an order or none.

use earmark_kernel::Command;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::lines::LineState;
use crate::values::{Day, LineId, OrderId, Quantity, Sku};

/// Hold stock for the lines of an order for a while: all of them or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// The order.
    pub order_id: OrderId,
    /// Its lines, 1 to [`HOLD_LINES_MAX`], each line id once.
    pub lines: Vec<HoldLine>,
    /// For how long, seconds, 1 to [`HOLD_TTL_S_MAX`].
    pub ttl_s: u32,
}

/// A hold has at most so many lines.
pub const HOLD_LINES_MAX: usize = 1_000;

/// A hold lasts at most so long: 30 days.
pub const HOLD_TTL_S_MAX: u32 = 30 * 86_400;

/// A line to be held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldLine {
    /// The line; absent: the SKU names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_id: Option<LineId>,
    /// What is wanted.
    pub sku: Sku,
    /// How many units.
    pub quantity: Quantity,
}

/// The held (or confirmed, or released) lines of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Held {
    /// The order.
    pub order_id: OrderId,
    /// Its lines, each with its batch.
    pub lines: Vec<LineState>,
}

/// Why a hold is not made, confirmed or released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum HoldRefused {
    /// No batch of this SKU was ever created; nothing is held.
    #[error("Invalid sku {sku}", sku = .sku.0)]
    UnknownSku {
        /// The SKU.
        sku: Sku,
    },
    /// A line cannot be held; nothing is held.
    #[error("{requested} units of {sku} cannot be held: at most {available} are available",
        sku = .sku.0)]
    OutOfStock {
        /// The line.
        line_id: LineId,
        /// Its SKU.
        sku: Sku,
        /// Units wanted.
        requested: u32,
        /// The most units that one batch could give.
        available: u32,
        /// The first day on which some batch could give them.
        earliest: Option<Day>,
    },
    /// A line was accepted before and differs; nothing more is held.
    #[error("the line {line} was accepted before and differs: {differs}", line = .line_id.0)]
    LineExists {
        /// The line.
        line_id: LineId,
        /// What differs.
        differs: String,
    },
    /// The order has no held lines.
    #[error("order {order} has no held lines", order = .order_id.0)]
    UnknownHold {
        /// The order.
        order_id: OrderId,
    },
    /// The hold ended before it was confirmed.
    #[error("the hold of order {order} has expired", order = .order_id.0)]
    HoldExpired {
        /// The order.
        order_id: OrderId,
        /// The lines whose hold ended.
        expired: Vec<LineId>,
        /// The lines that had been confirmed when that was found.
        confirmed: Vec<LineId>,
    },
}

/// The held lines of an order become ordinary ones, each where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmHold {
    /// The order.
    pub order_id: OrderId,
}

/// The held lines of an order give their places back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseHold {
    /// The order.
    pub order_id: OrderId,
}

impl Command for Hold {
    const NAME: &'static str = "allocation.hold";
    type Answer = Held;
    type Refusal = HoldRefused;
}

impl Command for ConfirmHold {
    const NAME: &'static str = "allocation.confirm_hold";
    type Answer = Held;
    type Refusal = HoldRefused;
}

impl Command for ReleaseHold {
    const NAME: &'static str = "allocation.release_hold";
    type Answer = Held;
    type Refusal = HoldRefused;
}
