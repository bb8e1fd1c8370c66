//! Steps of an operation on a hold that its reservation decides, and questions about reservations.

use earmark_contracts::allocation::{ConfirmedLine, HoldRefused, LineName, ReleasedLine};
use earmark_contracts::values::OrderId;
use earmark_kernel::{Command, Query, UnixMillis};
use serde::{Deserialize, Serialize};

use super::aggregate::Reservation;
use super::events::{HeldLine, ReleaseReason, WantedLine};

/// Where the lines of an operation are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Course {
    /// All are in the partition of the reservation: the operation is one record.
    Whole,
    /// They are in several partitions: the operation is open until all have followed.
    InParts,
}

/// Begins a hold: the reservation decides whether there may be one, and until when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BeginHold {
    /// The order.
    pub order_id: OrderId,
    /// The requested lines.
    pub lines: Vec<WantedLine>,
    /// The end of the hold, if the reservation has no later one.
    pub until: HoldUntil,
    /// Where the lines are.
    pub course: Course,
    /// Lines of holds that ended before there were reservations.
    pub ended_before: Vec<LineName>,
}

/// The requested end of a hold.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum HoldUntil {
    /// This many seconds after the decision.
    Seconds(u32),
    /// This time.
    Time(UnixMillis),
}

/// A hold that may be made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HoldPlan {
    /// The number of the operation.
    pub round: u32,
    /// The end of the hold.
    pub until: UnixMillis,
    /// True if the order has a hold with the same end.
    pub has_end: bool,
    /// Lines of an earlier hold that has ended, to be removed.
    pub forget: Vec<LineName>,
}

/// Records how a hold ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndHold {
    /// The order.
    pub order_id: OrderId,
    /// The number of the operation.
    pub round: u32,
    /// How it ended.
    pub outcome: HoldOutcome,
}

/// How a hold ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum HoldOutcome {
    /// All lines are held, or kept without stock.
    Held {
        /// The end of the hold.
        until: UnixMillis,
        /// The lines.
        lines: Vec<HeldLine>,
    },
    /// It was refused, and nothing of it is held.
    Refused(HoldRefused),
}

/// Begins the confirmation of a hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BeginConfirm {
    /// The order.
    pub order_id: OrderId,
    /// Where the lines are.
    pub course: Course,
    /// Lines of holds that ended before there were reservations.
    pub ended_before: Vec<LineName>,
    /// The lines that have lost their stock, if they are in several partitions. In one partition
    /// they are found when they are confirmed.
    pub missing: Option<Missing>,
}

/// Held lines that have lost their stock.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Missing {
    /// The number of the reservation's last operation when they were looked for; `None` if it was
    /// open.
    pub round: Option<u32>,
    /// The lines.
    pub lines: Vec<LineName>,
}

/// A confirmation that may be made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfirmPlan {
    /// The number of the operation.
    pub round: u32,
    /// The lines to confirm; if there are none, the confirmed ones.
    pub lines: Vec<WantedLine>,
    /// True if the hold was confirmed before.
    pub was_confirmed: bool,
}

/// Records that all lines of a hold are confirmed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndConfirm {
    /// The order.
    pub order_id: OrderId,
    /// The number of the operation.
    pub round: u32,
    /// The confirmed lines.
    pub lines: Vec<ConfirmedLine>,
}

/// Records that a hold could not be confirmed or extended because lines have lost their stock.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NoteIncomplete {
    /// The order.
    pub order_id: OrderId,
    /// The lines that have lost their stock.
    pub missing: Missing,
}

/// Begins to give the lines of a hold back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BeginRelease {
    /// The order.
    pub order_id: OrderId,
    /// Why they are given back.
    pub reason: ReleaseReason,
    /// Where the lines are.
    pub course: Course,
    /// Lines of holds that ended before there were reservations.
    pub ended_before: Vec<LineName>,
}

/// Lines that may be given back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReleasePlan {
    /// The number of the operation.
    pub round: u32,
    /// The lines.
    pub lines: Vec<LineName>,
}

/// Records that the lines of a hold were given back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndRelease {
    /// The order.
    pub order_id: OrderId,
    /// The number of the operation.
    pub round: u32,
    /// Why they were given back.
    pub reason: ReleaseReason,
    /// The lines with the units that became available.
    pub lines: Vec<ReleasedLine>,
}

/// Moves the end of a hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Extend {
    /// The order.
    pub order_id: OrderId,
    /// The time from now to the new end, in seconds.
    pub ttl_s: u32,
    /// The lines that have lost their stock.
    pub missing: Missing,
}

/// Returns the reservation of an order.
#[derive(Clone, Debug)]
pub struct GetReservation {
    /// The order.
    pub order_id: OrderId,
}

/// Returns the held lines of an order that have lost their stock.
#[derive(Clone, Debug)]
pub struct GetMissing {
    /// The order.
    pub order_id: OrderId,
}

/// Returns the lines that were held before there were reservations.
#[derive(Clone, Debug)]
pub struct GetUnreserved {
    /// The order.
    pub order_id: OrderId,
}

/// The lines of an order that were held before there were reservations.
#[derive(Clone, Debug, Default)]
pub struct Unreserved {
    /// Held lines, each with the end of its hold.
    pub held: Vec<(WantedLine, UnixMillis)>,
    /// Lines whose hold has ended.
    pub ended: Vec<LineName>,
}

impl Command for BeginHold {
    const NAME: &'static str = "allocation.begin_hold";
    type Answer = HoldPlan;
    type Refusal = HoldRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.order_id.0)
    }
    fn is_temporary(refusal: &HoldRefused) -> bool {
        matches!(refusal, HoldRefused::ReservationBusy { .. })
    }
}
impl Command for EndHold {
    const NAME: &'static str = "allocation.end_hold";
    type Answer = ();
    type Refusal = HoldRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.order_id.0)
    }
}
impl Command for BeginConfirm {
    const NAME: &'static str = "allocation.begin_confirm";
    type Answer = ConfirmPlan;
    type Refusal = HoldRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.order_id.0)
    }
    fn is_temporary(refusal: &HoldRefused) -> bool {
        matches!(refusal, HoldRefused::ReservationBusy { .. })
    }
}
impl Command for EndConfirm {
    const NAME: &'static str = "allocation.end_confirm";
    type Answer = ();
    type Refusal = HoldRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.order_id.0)
    }
}
impl Command for NoteIncomplete {
    const NAME: &'static str = "allocation.note_incomplete";
    type Answer = ();
    type Refusal = HoldRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.order_id.0)
    }
}
impl Command for BeginRelease {
    const NAME: &'static str = "allocation.begin_release";
    type Answer = ReleasePlan;
    type Refusal = HoldRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.order_id.0)
    }
    fn is_temporary(refusal: &HoldRefused) -> bool {
        matches!(refusal, HoldRefused::ReservationBusy { .. })
    }
}
impl Command for EndRelease {
    const NAME: &'static str = "allocation.end_release";
    type Answer = ();
    type Refusal = HoldRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.order_id.0)
    }
}
impl Command for Extend {
    const NAME: &'static str = "allocation.extend_reservation";
    type Answer = UnixMillis;
    type Refusal = HoldRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.order_id.0)
    }
    fn is_temporary(refusal: &HoldRefused) -> bool {
        matches!(refusal, HoldRefused::ReservationBusy { .. })
    }
}

impl Query for GetReservation {
    const NAME: &'static str = "allocation.get_reservation";
    type Answer = Option<Reservation>;
}
impl Query for GetMissing {
    const NAME: &'static str = "allocation.get_missing";
    type Answer = Missing;
}
impl Query for GetUnreserved {
    const NAME: &'static str = "allocation.get_unreserved";
    type Answer = Unreserved;
}
