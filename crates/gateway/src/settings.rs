//! How much the edge takes, how long it waits, and whom it lets in.

use std::fmt;
use std::time::Duration;

use subtle::ConstantTimeEq;
use thiserror::Error;

/// The limits of the edge. The default is what production runs with; tests lower them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who may request.
    pub security: Security,
    /// Connections at a time; more wait in the system's queue.
    pub connections_max: usize,
    /// From the first byte of a request to the end of its header.
    pub header_timeout: Duration,
    /// Between the requests of a connection.
    pub idle_timeout: Duration,
    /// From the end of the header to the end of the body.
    pub body_timeout: Duration,
    /// Between two pieces of a body.
    pub body_idle_timeout: Duration,
    /// Between two pieces of an answer that the client takes.
    pub write_timeout: Duration,
    /// Requests in flight get so long to end when the server stops.
    pub drain_timeout: Duration,
    /// Bytes of a request's line and header fields.
    pub header_bytes_max: usize,
    /// Header fields of a request.
    pub headers_max: usize,
    /// Bytes of a body.
    pub body_bytes_max: usize,
    /// Bytes that all bodies on their way may have together.
    pub bodies_bytes_max: usize,
    /// Bytes of a bulk body.
    pub bulk_bytes_max: usize,
    /// Lines of a bulk body.
    pub bulk_lines_max: usize,
    /// Views that lag by more events than this make the server not ready.
    pub view_lag_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            security: Security::default(),
            connections_max: 10_000,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            body_idle_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            header_bytes_max: 16 * 1024,
            headers_max: 64,
            body_bytes_max: 256 * 1024,
            bodies_bytes_max: 256 * 1024 * 1024,
            bulk_bytes_max: 8 * 1024 * 1024,
            bulk_lines_max: 10_000,
            view_lag_max: 50_000,
        }
    }
}

/// Who may request. Without keys everybody may, and only the machine itself is listened to.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// Any of these as `Authorization: Bearer …` opens every route.
    pub keys: Vec<Secret>,
}

impl Security {
    /// Whether a key is needed at all.
    #[must_use]
    pub fn asks_for_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether this is one of the keys. Takes as long for any wrong key of the same length.
    #[must_use]
    pub(crate) fn admits(&self, given: &[u8]) -> bool {
        let compared = self.keys.iter().map(|key| key.0.as_bytes().ct_eq(given));
        bool::from(compared.fold(subtle::Choice::from(0), |any, one| any | one))
    }
}

/// A key. It never shows in a log: its `Debug` says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// # Errors
    /// When it is empty or has other than visible ASCII characters.
    pub fn new(key: impl Into<String>) -> Result<Self, InvalidSecret> {
        let key = key.into();
        let is_sendable = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
        is_sendable.then_some(Self(key)).ok_or(InvalidSecret)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A key that cannot be sent in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a key is one or more visible ASCII characters, without blanks")]
pub struct InvalidSecret;

#[cfg(test)]
mod tests {
    use super::{Secret, Security};

    #[test]
    fn a_key_does_not_show_and_only_the_whole_one_opens() {
        let keys = vec![Secret::new("first-key").unwrap(), Secret::new("k").unwrap()];
        let security = Security { keys };
        assert_eq!(format!("{security:?}"), "Security { keys: [Secret(…), Secret(…)] }");
        assert!(security.admits(b"first-key") && security.admits(b"k"));
        assert!(!security.admits(b"first-ke") && !security.admits(b""));
        assert!(!Security::default().admits(b""));
        assert!(Secret::new("").is_err() && Secret::new("a b").is_err());
    }
}
