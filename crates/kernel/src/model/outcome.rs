//! How a command can end other than well: refused, failed or unknown. There is no other ending.

use thiserror::Error;

/// Why a command was not done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotDone<R> {
    /// An answer, part of the contract: the command was understood and will not be done.
    #[error("{0}")]
    Refused(R),
    /// Nothing happened. The same command may be sent again.
    #[error("{0}")]
    Failed(Failure),
    /// The outcome of the commit is not known. Ask again with the same idempotency key.
    #[error("the outcome is not known, ask again with the same key: {0}")]
    Unknown(String),
}

impl<R> NotDone<R> {
    /// The same ending, with another refusal.
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

/// Why nothing happened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Failure {
    /// The queue is full; nothing was begun.
    #[error("too many commands are waiting; try again in {retry_after_s} s")]
    Busy {
        /// Seconds after which it is worth trying again.
        retry_after_s: u32,
    },
    /// The storage is full; reads go on.
    #[error("the storage is full: {0}")]
    StorageFull(String),
    /// The storage could not be read or written.
    #[error("the storage failed: {0}")]
    Storage(String),
    /// The handler broke. The command is parked.
    #[error("the handler of {command} broke: {reason}")]
    Broken {
        /// The command's wire name.
        command: String,
        /// What the handler said when it broke.
        reason: String,
    },
    /// The idempotency key was used before, for something else.
    #[error("the idempotency key {0:?} was used before with another request")]
    KeyReused(String),
    /// The service is stopping or has stopped.
    #[error("the service is stopping")]
    Stopping,
    /// No service here handles this message.
    #[error("no service here takes {0}")]
    NotServed(String),
    /// The message cannot be read as what it says it is.
    #[error("unreadable {what}: {why}")]
    Unreadable {
        /// What it should have been.
        what: String,
        /// Why it is not.
        why: String,
    },
}

impl From<crate::ports::log::StoreError> for Failure {
    fn from(error: crate::ports::log::StoreError) -> Self {
        Self::Storage(error.0)
    }
}
