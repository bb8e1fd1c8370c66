//! Holds: places for a while, for all lines of an order or none.

use std::collections::BTreeSet;

use earmark_kernel::Command;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
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
    #[serde(deserialize_with = "some_lines")]
    #[schemars(length(min = 1, max = HOLD_LINES_MAX), extend("uniqueItems" = true))]
    pub lines: Vec<HoldLine>,
    /// For how long, seconds, 1 to [`HOLD_TTL_S_MAX`].
    #[serde(deserialize_with = "some_time")]
    #[schemars(range(min = 1, max = HOLD_TTL_S_MAX))]
    pub ttl_s: u32,
}

/// A hold has at most so many lines.
pub const HOLD_LINES_MAX: usize = 1_000;

/// A hold lasts at most so long: 30 days.
pub const HOLD_TTL_S_MAX: u32 = 30 * 86_400;

fn some_lines<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<HoldLine>, D::Error> {
    let lines = Vec::<HoldLine>::deserialize(deserializer)?;
    if lines.is_empty() || lines.len() > HOLD_LINES_MAX {
        let count = lines.len();
        return Err(D::Error::custom(format!("must be 1 to {HOLD_LINES_MAX} lines, not {count}")));
    }
    let mut ids = BTreeSet::new();
    match lines.iter().map(HoldLine::line).find(|line| !ids.insert(line.clone())) {
        Some(twice) => Err(D::Error::custom(format!("has the line {} twice", twice.0))),
        None => Ok(lines),
    }
}

fn some_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let wrong = || D::Error::custom(format!("must be a whole number from 1 to {HOLD_TTL_S_MAX}"));
    let ttl_s = u64::deserialize(deserializer).map_err(|_| wrong())?;
    let ttl_s = u32::try_from(ttl_s).ok().filter(|it| (1..=HOLD_TTL_S_MAX).contains(it));
    ttl_s.ok_or_else(wrong)
}

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

impl HoldLine {
    /// The line's id: the one named, or the SKU.
    #[must_use]
    pub fn line(&self) -> LineId {
        self.line_id.clone().unwrap_or_else(|| LineId(self.sku.0.clone()))
    }
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Error)]
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
    #[error("the line {line} was accepted before{how}", line = .line_id.0,
        how = super::lines::how_it_differs(differs))]
    LineExists {
        /// The line.
        line_id: LineId,
        /// The field that differs; `line_id` where the line is placed already.
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
