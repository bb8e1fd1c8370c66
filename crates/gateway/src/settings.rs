//! The settings of the gateway: limits, timeouts and keys.

use std::fmt;
use std::time::Duration;

use subtle::ConstantTimeEq;
use thiserror::Error;

/// The limits of the gateway. The defaults are for production; tests lower them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who may send requests.
    pub security: Security,
    /// Open connections, at most; more wait in the system's queue.
    pub connections_max: usize,
    /// Time from the first byte of a request to the end of its header.
    pub header_timeout: Duration,
    /// Time between two requests of a connection.
    pub idle_timeout: Duration,
    /// Time from the end of the header to the end of the body.
    pub body_timeout: Duration,
    /// Time between two pieces of a body.
    pub body_idle_timeout: Duration,
    /// Time between two pieces of a response that the client reads.
    pub write_timeout: Duration,
    /// Time for the requests in flight to complete when the server stops.
    pub drain_timeout: Duration,
    /// Bytes of the request line and the header fields, at most.
    pub header_bytes_max: usize,
    /// Header fields of a request, at most.
    pub headers_max: usize,
    /// Bytes of a body, at most.
    pub body_bytes_max: usize,
    /// Bytes of all bodies that are being received, together, at most.
    pub bodies_bytes_max: usize,
    /// Bytes of a bulk body, at most.
    pub bulk_bytes_max: usize,
    /// Lines of a bulk body, at most.
    pub bulk_lines_max: usize,
    /// Events that a view may lag behind the log; beyond that the server is not ready.
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

/// Who may send requests. Without keys everybody may, and the server listens on loopback only.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// Each of these gives access to every route, as `Authorization: Bearer …`.
    pub keys: Vec<Secret>,
}

impl Security {
    /// Whether requests need a key.
    #[must_use]
    pub fn requires_key(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether this is one of the keys. The time taken depends on the length only.
    #[must_use]
    pub(crate) fn accepts(&self, key: &[u8]) -> bool {
        let compared = self.keys.iter().map(|known| known.0.as_bytes().ct_eq(key));
        bool::from(compared.fold(subtle::Choice::from(0), |any, one| any | one))
    }
}

/// A key. It never appears in a log: its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A key for the `Authorization` header.
    ///
    /// # Errors
    /// When it is empty or has characters other than visible ASCII.
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
#[error("a key is one or more visible ASCII characters, without spaces")]
pub struct InvalidSecret;

#[cfg(test)]
mod tests {
    use super::{Secret, Security};

    #[test]
    fn a_key_is_hidden_and_only_the_whole_key_is_accepted() {
        let keys = vec![Secret::new("first-key").unwrap(), Secret::new("k").unwrap()];
        let security = Security { keys };
        assert_eq!(format!("{security:?}"), "Security { keys: [Secret(…), Secret(…)] }");
        assert!(security.accepts(b"first-key") && security.accepts(b"k"));
        assert!(!security.accepts(b"first-ke") && !security.accepts(b""));
        assert!(!Security::default().accepts(b""));
        assert!(Secret::new("").is_err() && Secret::new("a b").is_err());
    }
}
