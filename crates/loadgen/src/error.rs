//! Why a run ended early: what happened, and what to do.

use std::fmt::Display;

/// Why a run of load, a replay or the reading of a file ended early.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Error {
    /// What happened.
    pub what: String,
    /// What to do about it, if that is known.
    pub advice: Option<String>,
    /// Whether the caller named something that cannot be used, such as a missing column.
    pub is_usage: bool,
}

impl Error {
    /// Something failed.
    pub(crate) fn new(what: impl Display) -> Self {
        Self { what: what.to_string(), advice: None, is_usage: false }
    }

    /// The caller named something that cannot be used.
    pub(crate) fn usage(what: impl Display) -> Self {
        Self { is_usage: true, ..Self::new(what) }
    }

    /// Adds what to do about it.
    pub(crate) fn advise(self, advice: impl Display) -> Self {
        Self { advice: Some(advice.to_string()), ..self }
    }
}

impl From<earmark_kernel::Failure> for Error {
    fn from(failure: earmark_kernel::Failure) -> Self {
        Self::new(failure).advise("Nothing was changed. Run `earmark doctor` to find the cause.")
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::new(error)
    }
}
