//! The adapter port: calls to an external system that have an answer.

use std::pin::Pin;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use compact_str::CompactString;

/// The future of a call.
pub type Calling<'a, A> = Pin<Box<dyn Future<Output = Result<A, CallFailed>> + Send + 'a>>;

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
pub enum CallFailed {
    /// The external system understood the call and will never carry it out.
    #[error("refused: {0}")]
    Refused(String),
    /// Nothing happened. The call may be repeated.
    #[error("failed: {0}")]
    Failed(String),
    /// The call may have been carried out, for example if the answer was lost. It is repeated with
    /// the same id.
    #[error("the outcome is unknown: {0}")]
    Unknown(String),
}

/// Calls an external system.
///
/// Contract: `id` identifies the operation and is the same in every attempt. The external system
/// receives it as its idempotency key and carries the operation out at most once; a repeated call
/// gets the answer of the first. `attempt` counts from 1 and is for logs and traces only: nothing
/// that the external system compares may contain it. A call that gets no response gives up with
/// [`CallFailed::Unknown`] in less than 10 seconds; after that time another worker may repeat it.
pub trait Adapter<C, A>: Send + Sync {
    /// Makes one call and waits for its answer. Nothing is sent before the future is polled.
    fn call(&self, id: &CompactString, attempt: u32, call: C) -> Calling<'_, A>;
}
