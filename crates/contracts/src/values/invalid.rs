//! The reasons for which a value is rejected.

use thiserror::Error;

use super::limits::{PRIORITY_MAX, QUANTITY_MAX, TEXT_CHARS_MAX};

/// The reason for which a value is rejected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidValue {
    /// The text is empty.
    #[error("must not be empty")]
    Empty,
    /// The text has more than [`TEXT_CHARS_MAX`] characters after NFC; the field is their number.
    #[error("must have at most {TEXT_CHARS_MAX} characters, not {0}")]
    TooLong(usize),
    /// The text contains a control character.
    #[error("must not contain control characters")]
    ControlCharacter,
    /// The text begins or ends with whitespace.
    #[error("must not begin or end with whitespace")]
    WhitespaceEdge,
    /// Not a whole number from 1 to [`QUANTITY_MAX`].
    #[error("must be a whole number from 1 to {QUANTITY_MAX}")]
    Quantity,
    /// Not a whole number from 0 to [`QUANTITY_MAX`].
    #[error("must be a whole number from 0 to {QUANTITY_MAX}")]
    Level,
    /// Not a whole number from 0 to [`PRIORITY_MAX`].
    #[error("must be a whole number from 0 to {PRIORITY_MAX}")]
    Priority,
    /// Not an ISO 8601 date.
    #[error("must be a date like 2026-01-31")]
    Day,
}
