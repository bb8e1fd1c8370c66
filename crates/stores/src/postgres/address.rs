//! The address of a database. What is shown of it contains no password.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::open_error::OpenError;

/// The longest wait for a connection before the next attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest time without an acknowledgement before a connection counts as dead.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);

/// How a server's certificate is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Not at all: `sslmode=prefer` and `require`. The connection is encrypted if the server
    /// supports it.
    Unverified,
    /// Against the certificates of this machine, or of this file: `sslmode=verify-full`.
    Certificates(Option<PathBuf>),
}

/// The address of a database: `postgres://user:password@host:port/database`, with `sslmode` and
/// `sslrootcert` as in libpq. Displayed without user and password.
#[derive(Clone)]
pub struct Address {
    pub(super) config: Config,
    pub(super) trust: Trust,
}

impl FromStr for Address {
    type Err = OpenError;

    fn from_str(text: &str) -> Result<Self, OpenError> {
        let unreadable = |why: String| OpenError::Address { why };
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(unreadable("it does not begin with postgres://".to_owned()));
        }
        let (plain, options) = text.split_once('?').unwrap_or((text, ""));
        let (mut trust, mut file, mut others) = (Trust::Unverified, None, Vec::new());
        for option in options.split('&').filter(|it| !it.is_empty()) {
            match option.split_once('=') {
                Some(("sslmode", "verify-full")) => {
                    trust = Trust::Certificates(None);
                    others.push("sslmode=require");
                }
                Some(("sslmode", "verify-ca" | "allow")) => {
                    let why = format!("{option} is not supported; use sslmode=verify-full");
                    return Err(unreadable(why));
                }
                Some(("sslrootcert", path)) => file = Some(PathBuf::from(path)),
                _ => others.push(option),
            }
        }
        match (&mut trust, file) {
            // In libpq `system` stands for the certificates of this machine.
            (Trust::Certificates(of), file) => *of = file.filter(|it| it != Path::new("system")),
            (Trust::Unverified, None) => {}
            (Trust::Unverified, Some(_)) => {
                return Err(unreadable("sslrootcert needs sslmode=verify-full".to_owned()));
            }
        }
        let text = format!("{plain}?{}", others.join("&"));
        let text = text.trim_end_matches('?');
        let mut config: Config = text.parse().map_err(|error: tokio_postgres::Error| {
            // The text of the cause names the key or the part, never its value.
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            unreadable(cause.unwrap_or_else(|| error.to_string()))
        })?;
        if config.get_hosts().is_empty() {
            return Err(unreadable("it names no host".to_owned()));
        }
        if config.get_application_name().is_none() {
            config.application_name("earmark");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(TCP_USER_TIMEOUT);
        }
        if config.get_keepalives_idle() > TCP_USER_TIMEOUT {
            config.keepalives_idle(TCP_USER_TIMEOUT);
        }
        Ok(Self { config, trust })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.config.get_hosts().iter().enumerate().map(|(index, host)| {
            let ports = self.config.get_ports();
            let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                Host::Unix(path) => path.display().to_string(),
            }
        });
        let hosts: Vec<String> = hosts.collect();
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        write!(f, "postgres://{}/{database}", hosts.join(","))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = self.config.get_ssl_mode() == SslMode::Disable;
        write!(f, "{self} ({})", if is_plain { "never encrypted" } else { "encrypted if possible" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_displayed_without_its_password() {
        let address: Address = "postgres://me:secret@db:6432/shop?sslmode=disable".parse().unwrap();
        assert_eq!(address.to_string(), "postgres://db:6432/shop");
        assert!(!format!("{address:?}").contains("secret"));
    }

    #[test]
    fn a_refused_address_is_reported_without_its_password() {
        for text in [
            "mysql://me:secret@db/shop",
            "postgres://me:secret@db/shop?nonsense=secret",
            "postgres://me:secret@db:port/shop",
            "postgres://me:secret@db/shop?sslmode=verify-ca",
            "postgres://me:secret@db/shop?sslrootcert=/x",
            "postgres:///shop",
        ] {
            let refused = text.parse::<Address>().unwrap_err().to_string();
            assert!(!refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    fn verify_full_selects_the_certificates_to_trust() {
        let text = "postgres://db/shop?sslmode=verify-full&sslrootcert=/ca.pem";
        let address: Address = text.parse().unwrap();
        assert_eq!(address.trust, Trust::Certificates(Some("/ca.pem".into())));
        assert_eq!(address.config.get_ssl_mode(), SslMode::Require);
        let text = "postgres://db/shop?sslmode=verify-full&sslrootcert=system";
        assert_eq!(text.parse::<Address>().unwrap().trust, Trust::Certificates(None));
    }
}
