//! Operations that an effect worker carries out.

use crate::model::message::Key;
use crate::ports::clock::UnixMillis;

/// An operation that has begun, has not ended, and is due to be carried on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueOperation {
    /// The id of the operation, unique within its effect.
    pub id: Key,
    /// When it is due.
    pub due: UnixMillis,
    /// The number of attempts that were begun before; 0 if they are not counted.
    pub attempt: u32,
}
