//! Holds: stock reserved for all lines of an order for a limited time.

use std::collections::BTreeSet;

use earmark_kernel::Command;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use super::lines::{LineState, difference};
use crate::values::{Day, LineId, OrderId, Priority, Quantity, Sku};

/// Holds stock for lines of an order for a limited time: for all given lines or for none. A hold
/// that is not confirmed in time expires, and its units become available again.
///
/// An order has one hold. Holding the same lines again moves its end to the later of both times;
/// holding further lines adds them, with the same end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// The order of the lines.
    pub order_id: OrderId,
    /// The lines, 1 to 1000, with distinct line ids.
    #[serde(deserialize_with = "distinct_lines")]
    #[schemars(length(min = 1, max = HOLD_LINES_MAX), extend("uniqueItems" = true))]
    pub lines: Vec<HoldLine>,
    /// The duration of the hold, in seconds, 1 to 2592000 (30 days).
    #[serde(deserialize_with = "ttl_s")]
    #[schemars(range(min = 1, max = HOLD_TTL_S_MAX))]
    pub ttl_s: u32,
}

/// The maximum number of lines of a [`Hold`].
pub const HOLD_LINES_MAX: usize = 1_000;

/// The maximum duration of a [`Hold`], in seconds: 30 days.
pub const HOLD_TTL_S_MAX: u32 = 30 * 86_400;

fn distinct_lines<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<HoldLine>, D::Error> {
    let lines = Vec::<HoldLine>::deserialize(deserializer)?;
    if lines.is_empty() || lines.len() > HOLD_LINES_MAX {
        let count = lines.len();
        return Err(D::Error::custom(format!("must be 1 to {HOLD_LINES_MAX} lines, not {count}")));
    }
    let mut ids = BTreeSet::new();
    match lines.iter().map(HoldLine::line).find(|line| !ids.insert(line.clone())) {
        Some(line) => Err(D::Error::custom(format!("has the line {} twice", line.0))),
        None => Ok(lines),
    }
}

fn ttl_s<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let invalid = || D::Error::custom(format!("must be a whole number from 1 to {HOLD_TTL_S_MAX}"));
    let ttl_s = u64::deserialize(deserializer).map_err(|_| invalid())?;
    let ttl_s = u32::try_from(ttl_s).ok().filter(|it| (1..=HOLD_TTL_S_MAX).contains(it));
    ttl_s.ok_or_else(invalid)
}

/// A line of a hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldLine {
    /// The id of the line, unique within the order and SKU; absent or null to use the SKU as id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_id: Option<LineId>,
    /// The ordered SKU.
    pub sku: Sku,
    /// Ordered units. All are held in one batch.
    pub quantity: Quantity,
    /// The last day, UTC, on which the goods may be shipped; later batches are passed over. Absent
    /// or null for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need_by: Option<Day>,
    /// The priority of the line: lines with a higher one get stock first and lose it last. The
    /// default is 5.
    #[serde(default)]
    pub priority: Priority,
    /// What is done if there is no stock for the line. The default is `refuse`.
    #[serde(default)]
    pub if_unavailable: IfUnavailable,
}

/// What is done with a line of a hold for which there is no stock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IfUnavailable {
    /// The hold is refused.
    #[default]
    Refuse,
    /// The line is kept in the hold without stock, and waits for stock when the hold is confirmed.
    Backorder,
}

impl HoldLine {
    /// The id of the line: the given one, or the SKU.
    #[must_use]
    pub fn line(&self) -> LineId {
        self.line_id.clone().unwrap_or_else(|| LineId(self.sku.0.clone()))
    }
}

/// Result of a command on a hold: the held, confirmed or released lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Held {
    /// The order of the lines.
    pub order_id: OrderId,
    /// The end of the hold, in milliseconds since 1970-01-01 UTC; absent if nothing is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
    /// True if all lines were held before: only the end of the hold may have moved.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub existed: bool,
    /// The lines after the command, each with its batch.
    pub lines: Vec<LineState>,
}

/// Reasons for which a command on a hold is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Error)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum HoldRefused {
    /// No batch of the SKU of a line was ever created. No new line is held.
    #[error("Invalid sku {sku}", sku = .sku.0)]
    UnknownSku {
        /// The requested SKU.
        sku: Sku,
    },
    /// There is no stock for a line. No new line is held.
    #[error("{requested} units of {sku} cannot be held: at most {available} are available",
        sku = .sku.0)]
    OutOfStock {
        /// The id of the line.
        line_id: LineId,
        /// The SKU of the line.
        sku: Sku,
        /// Ordered units.
        requested: u32,
        /// The largest number of units that one batch can supply.
        available: u32,
        /// The first day, UTC, on which a known batch could take the line; null if no known batch
        /// can.
        earliest: Option<Day>,
    },
    /// A line was accepted before with different values. No new line is held.
    #[error("the line {line} was accepted before{difference}", line = .line_id.0,
        difference = difference(differs))]
    LineExists {
        /// The id of the line.
        line_id: LineId,
        /// The name of the field that differs: `quantity`; `line_id` if the existing line is not a
        /// hold.
        differs: String,
    },
    /// The order has no held lines.
    #[error("order {order} has no held lines", order = .order_id.0)]
    UnknownHold {
        /// The requested order.
        order_id: OrderId,
    },
    /// The hold ended before it was confirmed or extended. Nothing was confirmed.
    #[error("the hold of order {order} has expired", order = .order_id.0)]
    HoldExpired {
        /// The requested order.
        order_id: OrderId,
        /// The ids of the lines whose hold ended.
        expired: Vec<LineId>,
        /// Empty: a hold is confirmed as a whole. Only answers of version 0.1.0 that are replayed
        /// name lines here.
        confirmed: Vec<LineId>,
    },
    /// Lines of the hold have lost their stock, and no other batch could take them. Nothing was
    /// confirmed or extended. Holding the lines again tries to get stock for them.
    #[error("the hold of order {order} has lost the stock of {count} of its lines",
        order = .order_id.0, count = .missing.len())]
    HoldIncomplete {
        /// The requested order.
        order_id: OrderId,
        /// The ids of the lines without stock.
        missing: Vec<LineId>,
    },
    /// Another operation on the hold has not ended yet. Nothing was changed.
    #[error("another operation on the hold of order {order} has not ended yet",
        order = .order_id.0)]
    ReservationBusy {
        /// The requested order.
        order_id: OrderId,
    },
}

/// Moves the end of an order's hold to a later time; an earlier one changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtendHold {
    /// The order of the lines.
    pub order_id: OrderId,
    /// The time from now to the new end, in seconds, 1 to 2592000 (30 days).
    #[serde(deserialize_with = "ttl_s")]
    #[schemars(range(min = 1, max = HOLD_TTL_S_MAX))]
    pub ttl_s: u32,
}

/// Confirms the hold of an order as a whole: its lines stay allocated to their batches and no
/// longer expire. If the hold has ended or one of its lines has lost its stock, nothing is
/// confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmHold {
    /// The order of the lines.
    pub order_id: OrderId,
}

/// Releases the hold of an order as a whole: the units of its lines become available again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseHold {
    /// The order of the lines.
    pub order_id: OrderId,
}

impl Command for Hold {
    const NAME: &'static str = "allocation.hold";
    type Answer = Held;
    type Refusal = HoldRefused;
}

impl Command for ExtendHold {
    const NAME: &'static str = "allocation.extend_hold";
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
