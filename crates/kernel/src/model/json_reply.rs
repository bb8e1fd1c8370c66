//! The reply to a command that was sent as JSON.

use serde_json::value::RawValue;

use crate::model::outcome::NotDone;

/// A refusal without its type.
#[derive(Clone, Debug)]
pub struct RefusedJson {
    /// The refusal as JSON.
    pub refusal: Box<RawValue>,
    /// The refusal as a sentence.
    pub text: String,
}

/// How a command in JSON ended.
#[derive(Clone, Debug)]
pub struct JsonReply {
    /// The answer as JSON, or how it ended otherwise.
    pub ending: Result<Box<RawValue>, NotDone<RefusedJson>>,
    /// The answer was given before under the same idempotency key.
    pub replayed: bool,
    /// For a dry run: the events that would have been recorded.
    pub events: Vec<Box<RawValue>>,
}
