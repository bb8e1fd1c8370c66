//! Explanations of which batch a line was allocated to, and why.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{BatchReference, Day};

/// The reason for which a line is allocated to its batch, or to none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// The chosen batch; null if no batch could take the line.
    pub chosen: Option<BatchReference>,
    /// The reason for the choice, as a sentence.
    #[serde(rename = "because")]
    pub reason: String,
    /// Batches that were not chosen, in order of preference. In the result of a command: only the
    /// batches preferred to the chosen one, at most 8. In the answer to `allocation.explain_line`:
    /// all other batches.
    pub passed_over: Vec<PassedOver>,
    /// The number of batches that had no available units.
    pub exhausted: u32,
}

/// The maximum number of passed-over batches in the result of an
/// [`Allocate`](super::Allocate).
pub const PASSED_OVER_MAX: usize = 8;

/// A batch that was not chosen, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PassedOver {
    /// The reference of the batch.
    pub batch: BatchReference,
    /// The reason.
    #[serde(flatten)]
    pub reason: PassedOverReason,
}

/// The reason for which a batch was not chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum PassedOverReason {
    /// The batch has too few available units for the whole line.
    TooSmall {
        /// Available units of the batch.
        available: u32,
    },
    /// The goods cannot be shipped by the line's `need_by` day.
    TooLate {
        /// The first day on which the goods can be shipped, UTC.
        eta: Day,
    },
    /// The batch expires on or before the day on which the goods can be shipped.
    ExpiresBefore {
        /// The expiry day of the batch, UTC.
        expires: Day,
    },
    /// The batch is closed or expired.
    Closed,
    /// A batch with a higher preference can take the line.
    LaterThanChosen,
}
