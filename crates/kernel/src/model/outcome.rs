//! The three ways in which a command can be not done: refused, failed or unknown.

use thiserror::Error;

/// Why a command was not done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotDone<R> {
    /// The command was understood and will not be done. Refusals are part of the service's
    /// contract.
    #[error("{0}")]
    Refused(R),
    /// Nothing was changed. The same command may be sent again.
    #[error("{0}")]
    Failed(Failure),
    /// It is unknown whether the command was committed. Retry with the same idempotency key.
    #[error("the outcome is unknown; retry with the same idempotency key: {0}")]
    Unknown(String),
}

impl<R> NotDone<R> {
    /// Converts the refusal and leaves the other outcomes unchanged.
    pub fn map_refused<S>(self, map: impl FnOnce(R) -> S) -> NotDone<S> {
        match self {
            Self::Refused(refusal) => NotDone::Refused(map(refusal)),
            Self::Failed(failure) => NotDone::Failed(failure),
            Self::Unknown(why) => NotDone::Unknown(why),
        }
    }
}

impl<R> From<Failure> for NotDone<R> {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Why a command failed without any change.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Failure {
    /// The queue is full; the command was not started.
    #[error("too many commands are waiting; try again in {retry_after_s} s")]
    Busy {
        /// Seconds after which a retry is reasonable.
        retry_after_s: u32,
    },
    /// The storage is full. Reads still work.
    #[error("the storage is full: {0}")]
    StorageFull(String),
    /// The storage could not be read or written.
    #[error("the storage failed: {0}")]
    Storage(String),
    /// The handler panicked. The command was parked, unless it was a dry run.
    #[error("the handler of {command} panicked: {reason}")]
    Broken {
        /// The command's wire name.
        command: String,
        /// The panic message.
        reason: String,
    },
    /// The idempotency key was used before with another request.
    #[error("the idempotency key {0:?} was used before with another request")]
    KeyReused(String),
    /// Another operation on the same thing has not ended yet.
    #[error("{0}")]
    Conflict(String),
    /// The service is stopping or has stopped.
    #[error("the service is stopping")]
    Stopping,
    /// No service here handles this message.
    #[error("no service here handles {0}")]
    NotServed(String),
    /// The message cannot be decoded.
    #[error("unreadable {what}: {why}")]
    Unreadable {
        /// What the message should have been.
        what: String,
        /// Why it cannot be decoded.
        why: String,
    },
}

impl From<crate::ports::log::StoreError> for Failure {
    fn from(error: crate::ports::log::StoreError) -> Self {
        Self::Storage(error.0)
    }
}
