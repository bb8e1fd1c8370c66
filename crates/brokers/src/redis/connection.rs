//! Connections to Redis: address, time limits, and the meaning of errors.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use earmark_kernel::PublishError;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, RedisError, ServerErrorKind, TlsCertificates,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use thiserror::Error;
use tokio::sync::Mutex;

/// The longest wait for a connection before the server counts as unavailable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest wait for a response before the server counts as unavailable.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// An invalid address of a Redis server, or unusable certificates.
#[derive(Clone, Debug, Error)]
#[error("invalid Redis settings: {0}")]
pub struct BadAddress(String);

/// The address of a Redis server. Clones share it; the password is never displayed.
#[derive(Clone)]
pub struct Redis {
    client: Client,
    displayed: Arc<str>,
}

impl Redis {
    /// The server at `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS.
    ///
    /// # Errors
    /// When the address is invalid.
    pub fn at(url: &str) -> Result<Self, BadAddress> {
        Ok(Self::of(Client::open(url).map_err(bad)?))
    }

    /// The server at `rediss://…`, whose certificate must be signed by one of these authorities.
    /// Their certificates are in PEM.
    ///
    /// # Errors
    /// When the address is invalid, or there are no certificates.
    pub fn signed_by(url: &str, authorities: &[u8]) -> Result<Self, BadAddress> {
        if !url.starts_with("rediss://") {
            return Err(BadAddress(
                "a file of authorities requires an address with rediss://".into(),
            ));
        }
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(authorities).collect();
        if !read.is_ok_and(|certificates| !certificates.is_empty()) {
            return Err(BadAddress("the file of authorities contains no certificates".into()));
        }
        let root_cert = Some(authorities.to_vec());
        let certificates = TlsCertificates { client_tls: None, root_cert };
        Ok(Self::of(Client::build_with_tls(url, certificates).map_err(bad)?))
    }

    fn of(client: Client) -> Self {
        let info = client.get_connection_info();
        let (addr, db) = (info.addr().to_string(), info.redis_settings().db());
        let displayed = if db == 0 { addr } else { format!("{addr}, database {db}") };
        Self { client, displayed: displayed.into() }
    }

    /// A separate connection; a command on it waits at most `response_timeout`, by default 5 s.
    pub(crate) async fn connect(
        &self,
        response_timeout: Option<Duration>,
    ) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(response_timeout.unwrap_or(RESPONSE_TIMEOUT)));
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// A connection that can subscribe to channels.
    pub(crate) async fn connect_pubsub(&self) -> Result<redis::aio::PubSub, RedisError> {
        let opened = tokio::time::timeout(CONNECT_TIMEOUT, self.client.get_async_pubsub()).await;
        opened.unwrap_or_else(|_| Err((ErrorKind::Io, "the server does not respond").into()))
    }

    /// The version of the server; checks that it is reachable and accepts the credentials.
    ///
    /// # Errors
    /// When it is unreachable or refuses the connection.
    pub async fn version(&self) -> Result<String, PublishError> {
        let mut connection = self.connect(None).await.map_err(|it| self.publish_error(&it))?;
        let info = redis::cmd("INFO").arg("server").query_async::<String>(&mut connection).await;
        let info = info.map_err(|it| self.publish_error(&it))?;
        let version = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
        Ok(version.unwrap_or("of an unknown version").to_owned())
    }

    /// What an error means for a publisher: whether a retry may succeed.
    pub(crate) fn publish_error(&self, error: &RedisError) -> PublishError {
        let mut text = format!("redis at {}: {error}", self.displayed);
        if text.contains("invalid peer certificate") {
            text.push_str(advice(&text));
            return PublishError::Blocked(text);
        }
        let code = error.code().unwrap_or_default();
        let is_blocked = matches!(code, "NOAUTH" | "WRONGPASS" | "WRONGTYPE" | "NOPERM");
        match error.kind() {
            ErrorKind::AuthenticationFailed
            | ErrorKind::InvalidClientConfig
            | ErrorKind::Server(ServerErrorKind::NoPerm) => PublishError::Blocked(text),
            _ if is_blocked => PublishError::Blocked(text),
            _ => PublishError::Unavailable(text),
        }
    }
}

// The client's error may contain the whole address, including the password.
fn bad(_: RedisError) -> BadAddress {
    BadAddress("the address must be redis://host:port, or rediss:// for TLS".into())
}

/// What to do about a refused certificate; the client's error contains only text about it.
fn advice(text: &str) -> &'static str {
    // The signature is bad when another authority has the same name as a trusted one.
    if text.contains("UnknownIssuer") || text.contains("BadSignature") {
        "; name its authority's file with [redis] ca_file, or make this machine trust it"
    } else if text.contains("not valid for name") {
        "; use the host name for which the certificate is valid"
    } else {
        "; give the server a valid X.509 version 3 certificate"
    }
}

impl fmt::Display for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.displayed)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis({})", self.displayed)
    }
}

/// The connection of a publisher. It is not reopened automatically: after an error the publisher
/// must ask the server for its position before it publishes on a new connection.
pub(crate) struct PublisherConnection {
    pub(crate) redis: Redis,
    open: Mutex<Option<MultiplexedConnection>>,
}

impl PublisherConnection {
    pub(crate) fn to(redis: Redis) -> Self {
        Self { redis, open: Mutex::new(None) }
    }

    /// Closes the connection and opens a new one.
    pub(crate) async fn reopen(&self) -> Result<MultiplexedConnection, PublishError> {
        let mut open = self.open.lock().await;
        *open = None;
        let connection = self.redis.connect(None).await;
        let connection = connection.map_err(|error| self.redis.publish_error(&error))?;
        *open = Some(connection.clone());
        Ok(connection)
    }

    /// The open connection.
    pub(crate) async fn connection(&self) -> Result<MultiplexedConnection, PublishError> {
        let unavailable =
            || PublishError::Unavailable(format!("redis at {}: not connected", self.redis));
        self.open.lock().await.clone().ok_or_else(unavailable)
    }

    /// Closes the connection after an error, and converts the error.
    pub(crate) async fn close(&self, error: &RedisError) -> PublishError {
        *self.open.lock().await = None;
        self.redis.publish_error(error)
    }
}
