//! The section `[mail]`.

use serde::{Deserialize, Serialize};

use super::secret::SecretUrl;

/// The mail server, and the addresses of notices.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// The mail server; without it, emails wait in the outbox.
    pub smtp: Option<SecretUrl>,
    /// The sender's address.
    pub from: String,
    /// The recipient's address.
    pub to: String,
}

impl Default for Mail {
    fn default() -> Self {
        Self { smtp: None, from: "earmark@localhost".to_owned(), to: "stock@made.com".to_owned() }
    }
}
