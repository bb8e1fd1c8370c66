//! The section `[redis]`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::secret::SecretUrl;

/// The Redis server to publish to and consume from, and the names used there.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redis {
    /// The server; nothing is published or consumed without it.
    pub url: Option<SecretUrl>,
    /// Certificate authorities (PEM) to trust in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Prefix of the names of event streams and channels.
    pub prefix: String,
    /// Events a stream keeps; 0 keeps all.
    pub stream_events: u64,
    /// Seconds after which an unacknowledged message is claimed by another consumer.
    pub claim_s: u64,
    /// Channel for placements as flat JSON.
    pub line_allocated: String,
    /// Channel and stream for incoming order lines.
    pub allocate: String,
    /// Channel and stream for incoming changes of batches.
    pub change_batch_quantity: String,
}

impl Redis {
    /// The name of a channel, by its setting's key.
    pub fn channel(&self, key: &str) -> Option<&str> {
        match key {
            "line_allocated" => Some(&self.line_allocated),
            "allocate" => Some(&self.allocate),
            "change_batch_quantity" => Some(&self.change_batch_quantity),
            _ => None,
        }
    }
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            url: None,
            ca_file: None,
            prefix: "earmark".to_owned(),
            stream_events: 200_000,
            claim_s: 30,
            line_allocated: "line_allocated".to_owned(),
            allocate: "allocate".to_owned(),
            change_batch_quantity: "change_batch_quantity".to_owned(),
        }
    }
}
