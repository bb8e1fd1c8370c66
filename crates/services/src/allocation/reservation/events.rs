//! The events of a reservation, as stored in the log.

use earmark_contracts::allocation::{ConfirmedLine, IfUnavailable, LineName, ReleasedLine};
use earmark_contracts::values::{Day, LineId, Priority, Sku};
use earmark_kernel::UnixMillis;
use serde::{Deserialize, Serialize};

use crate::declare_events::declare_events;

declare_events! {
    /// An event of a reservation.
    pub enum ReservationEvent {
        HoldOpened = "allocation.reservation_holding",
        Reserved = "allocation.reservation_held",
        Short = "allocation.reservation_short",
        HoldDropped = "allocation.reservation_dropped",
        Extended = "allocation.reservation_extended",
        ConfirmOpened = "allocation.reservation_confirming",
        Confirmed = "allocation.reservation_confirmed",
        Incomplete = "allocation.reservation_incomplete",
        ReleaseOpened = "allocation.reservation_releasing",
        Released = "allocation.reservation_released",
        Expired = "allocation.reservation_expired",
    }
}

/// A line that a hold asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedLine {
    /// The id of the line and its SKU.
    pub name: LineName,
    /// Ordered units.
    pub quantity: u32,
    /// The last day on which the goods may be shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need_by: Option<Day>,
    /// The priority of the line.
    pub priority: Priority,
    /// What is done if there is no stock.
    #[serde(default, skip_serializing_if = "is_refuse")]
    pub if_unavailable: IfUnavailable,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_refuse(it: &IfUnavailable) -> bool {
    *it == IfUnavailable::Refuse
}

/// A hold over several partitions began. Until it has ended, no other operation begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldOpened {
    /// The number of the operation.
    pub round: u32,
    /// When it began.
    pub since: UnixMillis,
    /// The end that the hold will have.
    pub until: UnixMillis,
    /// The lines to hold.
    pub lines: Vec<WantedLine>,
    /// Lines of an earlier hold that has ended, to be removed if the hold succeeds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forget: Vec<LineName>,
}

/// A line of a hold, after it was held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldLine {
    /// The id of the line.
    pub line_id: LineId,
    /// The ordered SKU.
    pub sku: Sku,
    /// Ordered units.
    pub quantity: u32,
    /// The last day on which the goods may be shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need_by: Option<Day>,
    /// The priority of the line.
    pub priority: Priority,
    /// The day on which the goods can be shipped; `None` if there is no stock, and the line will
    /// wait for it when the hold is confirmed.
    pub promised: Option<Day>,
}

/// All lines of a hold are held, or kept without stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserved {
    /// The number of the operation.
    pub round: u32,
    /// The end of the hold.
    pub until: UnixMillis,
    /// The lines of the operation. Those that were held before stay in the reservation.
    pub lines: Vec<HeldLine>,
}

/// A hold was refused because there is no stock for a line. Nothing of it is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Short {
    /// The number of the operation.
    pub round: u32,
    /// The line.
    pub name: LineName,
    /// Ordered units.
    pub requested: u32,
    /// The largest number of units that one batch could supply in time.
    pub available: u32,
    /// The first day on which a known batch could take the line.
    pub earliest: Option<Day>,
}

/// A hold over several partitions was refused for another reason than missing stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldDropped {
    /// The number of the operation.
    pub round: u32,
    /// The reason, as a sentence.
    pub reason: String,
}

/// The end of the hold moved to a later time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extended {
    /// The new end.
    pub until: UnixMillis,
}

/// The hold was confirmed, and its lines in several partitions will follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmOpened {
    /// The number of the operation.
    pub round: u32,
    /// When it began.
    pub since: UnixMillis,
}

/// The hold was confirmed, and so were all its lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// The number of the operation.
    pub round: u32,
    /// The confirmed lines.
    pub lines: Vec<ConfirmedLine>,
}

/// The hold could not be confirmed or extended because lines have lost their stock. Changes no
/// state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incomplete {
    /// The lines without stock.
    pub missing: Vec<LineName>,
}

/// The lines of the hold in several partitions are being given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseOpened {
    /// The number of the operation.
    pub round: u32,
    /// When it began.
    pub since: UnixMillis,
    /// Why they are given back.
    pub reason: ReleaseReason,
    /// Lines of a hold that ended before, to be removed too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forget: Vec<LineName>,
}

/// Why the lines of a hold are given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseReason {
    /// On request.
    Released,
    /// The hold was not confirmed in time.
    Expired,
}

/// The lines of the hold were given back on request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// The number of the operation.
    pub round: u32,
    /// The lines with the units that became available.
    pub lines: Vec<ReleasedLine>,
}

/// The hold was not confirmed in time, and its lines were given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expired {
    /// The number of the operation.
    pub round: u32,
    /// The lines.
    pub lines: Vec<LineName>,
}
