//! Why a server did not do what it was asked to, in a sentence.

use std::fmt;

/// Why a server did not do what it was asked to.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// Says it so.
    pub fn new(says: impl fmt::Display) -> Self {
        Self(says.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(error)
    }
}
