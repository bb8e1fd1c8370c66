//! The section `[stores]`.

use serde::{Deserialize, Serialize};

use super::secret::SecretUrl;

/// Where the log is stored.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stores {
    /// The PostgreSQL database that holds the log; without it, the data folder holds it.
    pub url: Option<SecretUrl>,
    /// Partitions of new data; existing data keep theirs. 1 where nothing is set.
    pub partitions: Option<u16>,
}
