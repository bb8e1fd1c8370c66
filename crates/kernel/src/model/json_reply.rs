//! The reply to a command that was sent as JSON.

use serde_json::value::RawValue;

use crate::model::outcome::NotDone;

/// A refusal without its type.
#[derive(Clone, Debug)]
pub struct RefusedJson {
    /// The refusal as JSON.
    pub refusal: Box<RawValue>,
    /// The refusal as readable text.
    pub text: String,
}

/// The outcome of a command that was sent as JSON.
#[derive(Clone, Debug)]
pub struct JsonReply {
    /// The answer as JSON, or why the command was not done.
    pub ending: Result<Box<RawValue>, NotDone<RefusedJson>>,
    /// The answer was stored before under the same idempotency key; nothing was done now.
    pub replayed: bool,
    /// For a dry run: the events that would have been recorded, as JSON (`type`, `data`).
    pub events: Vec<Box<RawValue>>,
}
