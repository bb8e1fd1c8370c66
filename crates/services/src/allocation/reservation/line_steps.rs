//! Steps of an operation on a hold that the stock of one SKU decides, each for one line.

use earmark_contracts::allocation::{HoldRefused, LineName, LineRefused, LineState};
use earmark_contracts::values::{Day, LineId, OrderId, Quantity, Sku};
use earmark_kernel::{Command, UnixMillis};
use serde::{Deserialize, Serialize};

use super::events::{ReleaseReason, WantedLine};
use super::steps::Course;

/// Holds one line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HoldOne {
    /// The order of the line.
    pub order_id: OrderId,
    /// The line.
    pub line: WantedLine,
    /// The end of the hold.
    pub until: UnixMillis,
    /// The number of the operation.
    pub round: u32,
}

/// What became of a line of a hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum HeldOne {
    /// It is held now.
    New(LineState),
    /// It was held before.
    Before(LineState),
    /// There is no stock for it. Nothing was changed.
    Short {
        /// The largest number of units that one batch can supply in time.
        available: u32,
        /// The first day on which a known batch could take the line.
        earliest: Option<Day>,
    },
}

/// Confirms one line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfirmOne {
    /// The order of the line.
    pub order_id: OrderId,
    /// The line.
    pub line: WantedLine,
    /// The number of the operation.
    pub round: u32,
    /// In parts, the reservation is confirmed already: a line that has lost its stock waits for it.
    pub course: Course,
}

/// A line after its confirmation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfirmedOne {
    /// The line.
    pub line: LineState,
    /// Whether its goods are in the warehouse.
    pub ready: bool,
}

/// Gives one line back: a held one, or one whose hold has ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReleaseOne {
    /// The order of the line.
    pub order_id: OrderId,
    /// The line.
    pub name: LineName,
    /// Why it is given back.
    pub reason: ReleaseReason,
}

/// A line after it was given back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReleasedOne {
    /// The line; `None` if the stock did not have it.
    pub line: Option<LineState>,
    /// The units that became available.
    pub quantity: u32,
}

/// Records that there was no stock for a line of a refused hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NoteExhausted {
    /// The order of the line.
    pub order_id: OrderId,
    /// The id of the line.
    pub line_id: LineId,
    /// The SKU of the line.
    pub sku: Sku,
    /// Ordered units.
    pub quantity: Quantity,
}

/// Returns the state of a line of the stock; `None` if there is none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LookAtLine {
    /// The order of the line.
    pub order_id: OrderId,
    /// The line.
    pub name: LineName,
}

impl Command for HoldOne {
    const NAME: &'static str = "allocation.hold_one";
    type Answer = HeldOne;
    type Refusal = HoldRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.line.name.sku.0)
    }
}
impl Command for ConfirmOne {
    const NAME: &'static str = "allocation.confirm_one";
    type Answer = ConfirmedOne;
    type Refusal = LineRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.line.name.sku.0)
    }
}
impl Command for ReleaseOne {
    const NAME: &'static str = "allocation.release_one";
    type Answer = ReleasedOne;
    type Refusal = LineRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.name.sku.0)
    }
}
impl Command for NoteExhausted {
    const NAME: &'static str = "allocation.note_exhausted";
    type Answer = ();
    type Refusal = LineRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.sku.0)
    }
}
impl Command for LookAtLine {
    const NAME: &'static str = "allocation.look_at_line";
    type Answer = Option<ConfirmedOne>;
    type Refusal = LineRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.name.sku.0)
    }
}
