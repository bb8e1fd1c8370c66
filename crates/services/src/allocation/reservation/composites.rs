//! Commands that decide several steps of an operation in one record.

use earmark_contracts::allocation::{Held, HoldRefused, LineName};
use earmark_contracts::values::OrderId;
use earmark_kernel::{Command, UnixMillis};
use serde::{Deserialize, Serialize};

use super::events::{ReleaseReason, WantedLine};
use super::line_steps::{ConfirmedOne, HeldOne, ReleasedOne};
use super::steps::{BeginConfirm, BeginHold, BeginRelease};

/// A whole hold in one record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HoldWhole(pub BeginHold);

/// A whole confirmation in one record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfirmWhole(pub BeginConfirm);

/// A whole release in one record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReleaseWhole(pub BeginRelease);

/// Holds the lines of one partition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HoldPart {
    /// The order of the lines.
    pub order_id: OrderId,
    /// The number of the operation.
    pub round: u32,
    /// The end of the hold.
    pub until: UnixMillis,
    /// The lines, at least one.
    pub lines: Vec<WantedLine>,
}

/// Confirms the lines of one partition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfirmPart {
    /// The order of the lines.
    pub order_id: OrderId,
    /// The number of the operation.
    pub round: u32,
    /// The lines, at least one.
    pub lines: Vec<WantedLine>,
}

/// Gives the lines of one partition back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReleasePart {
    /// The order of the lines.
    pub order_id: OrderId,
    /// The lines, at least one.
    pub lines: Vec<LineName>,
    /// Why they are given back.
    pub reason: ReleaseReason,
}

impl Command for HoldWhole {
    const NAME: &'static str = "allocation.hold_whole";
    type Answer = Held;
    type Refusal = HoldRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.0.order_id.0)
    }
}
impl Command for ConfirmWhole {
    const NAME: &'static str = "allocation.confirm_whole";
    type Answer = Held;
    type Refusal = HoldRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.0.order_id.0)
    }
}
impl Command for ReleaseWhole {
    const NAME: &'static str = "allocation.release_whole";
    type Answer = Held;
    type Refusal = HoldRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.0.order_id.0)
    }
}
impl Command for HoldPart {
    const NAME: &'static str = "allocation.hold_part";
    type Answer = Vec<HeldOne>;
    type Refusal = HoldRefused;
    fn key(&self) -> Option<&str> {
        self.lines.first().map(|line| &*line.name.sku.0)
    }
}
impl Command for ConfirmPart {
    const NAME: &'static str = "allocation.confirm_part";
    type Answer = Vec<ConfirmedOne>;
    type Refusal = HoldRefused;
    fn key(&self) -> Option<&str> {
        self.lines.first().map(|line| &*line.name.sku.0)
    }
}
impl Command for ReleasePart {
    const NAME: &'static str = "allocation.release_part";
    type Answer = Vec<ReleasedOne>;
    type Refusal = HoldRefused;
    fn key(&self) -> Option<&str> {
        self.lines.first().map(|name| &*name.sku.0)
    }
}
