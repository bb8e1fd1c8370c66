//! A violated guarantee: what happened, and the idempotency key that it is about.

use std::fmt;

/// A violated guarantee, or a run that could not continue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What happened.
    pub what: String,
    /// The idempotency key of the request; the names of its orders contain it.
    pub key: Option<String>,
}

/// The result of a check.
pub type Checked<T> = Result<T, Violation>;

impl Violation {
    pub(crate) fn of_key(key: &str, what: impl Into<String>) -> Self {
        Self { what: what.into(), key: Some(key.to_owned()) }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{key}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl From<String> for Violation {
    fn from(what: String) -> Self {
        Self { what, key: None }
    }
}

impl From<std::io::Error> for Violation {
    fn from(error: std::io::Error) -> Self {
        Self { what: error.to_string(), key: None }
    }
}
