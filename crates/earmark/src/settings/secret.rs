//! A URL that may hold a password: shown, logged and serialized only without it.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// A URL that may hold a password.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// The whole URL, to connect with.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// `scheme://…@host/path`: user, password and query are left out. A text that cannot be taken
/// apart safely is `…` as a whole.
impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else { return f.write_str("…") };
        let is_scheme = |text: &str| text.bytes().all(|it| it.is_ascii_alphanumeric());
        let (user, host) = match rest.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, rest),
        };
        // An `@` behind a `?` may be a part of a password in the query.
        if !is_scheme(scheme) || user.is_some_and(|it| it.contains(['?', '#'])) {
            return f.write_str("…");
        }
        let user = if user.is_some() { "…@" } else { "" };
        let (shown, query) = match host.split_once(['?', '#']) {
            Some((shown, _)) => (shown, "?…"),
            None => (host, ""),
        };
        write!(f, "{scheme}://{user}{shown}{query}")
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl({self})")
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::SecretUrl;

    #[test]
    fn passwords_are_never_shown() {
        let shown = |url: &str| SecretUrl(url.to_owned()).to_string();
        assert_eq!(shown("redis://127.0.0.1:6379/1"), "redis://127.0.0.1:6379/1");
        assert_eq!(shown("redis://:secret@host"), "redis://…@host");
        assert_eq!(shown("postgres://u:se@c/ret@host:5432/shop"), "postgres://…@host:5432/shop");
        assert_eq!(shown("postgres://host/shop?password=secret"), "postgres://host/shop?…");
        assert_eq!(shown("postgres://host/shop?password=se@cret"), "…");
        assert_eq!(shown("postgres://u:se?cret@host"), "…");
        assert_eq!(shown("host=here password=secret"), "…");
        assert_eq!(format!("{:?}", SecretUrl("secret".into())), "SecretUrl(…)");
    }
}
