//! A connection to Redis: where it goes, how long it waits, and what its errors mean.

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

/// Who does not answer the binding by then is unavailable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Who does not answer by then is unavailable.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// An address that is none of a Redis server, or certificates that go with none.
#[derive(Clone, Debug, Error)]
#[error("Redis cannot be reached so: {0}")]
pub struct BadAddress(String);

/// Where a Redis server is. All clones are the same place; its password never shows.
#[derive(Clone)]
pub struct Redis {
    client: Client,
    shown: Arc<str>,
}

impl Redis {
    /// The server at `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS.
    ///
    /// # Errors
    /// When that is not what the text says.
    pub fn at(url: &str) -> Result<Self, BadAddress> {
        Ok(Self::of(Client::open(url).map_err(bad)?))
    }

    /// The server at `rediss://…`, whose certificate one of these authorities must have signed:
    /// certificates in PEM.
    ///
    /// # Errors
    /// When that is not what the text says, or there are no certificates.
    pub fn signed_by(url: &str, authorities: &[u8]) -> Result<Self, BadAddress> {
        if !url.starts_with("rediss://") {
            return Err(BadAddress("only one at rediss:// shows a certificate".into()));
        }
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(authorities).collect();
        if !read.is_ok_and(|certificates| !certificates.is_empty()) {
            return Err(BadAddress("the file of its authorities holds no certificates".into()));
        }
        let root_cert = Some(authorities.to_vec());
        let certificates = TlsCertificates { client_tls: None, root_cert };
        Ok(Self::of(Client::build_with_tls(url, certificates).map_err(bad)?))
    }

    fn of(client: Client) -> Self {
        let info = client.get_connection_info();
        let (addr, db) = (info.addr().to_string(), info.redis_settings().db());
        let shown = if db == 0 { addr } else { format!("{addr}, database {db}") };
        Self { client, shown: shown.into() }
    }

    /// A connection of its own; a command on it waits at most `answer_max`, or the usual time.
    pub(crate) async fn connect(
        &self,
        answer_max: Option<Duration>,
    ) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(answer_max.unwrap_or(RESPONSE_TIMEOUT)));
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// A connection that hears what is published.
    pub(crate) async fn hearing(&self) -> Result<redis::aio::PubSub, RedisError> {
        let opened = tokio::time::timeout(CONNECT_TIMEOUT, self.client.get_async_pubsub()).await;
        opened.unwrap_or_else(|_| Err((ErrorKind::Io, "it does not answer").into()))
    }

    /// Asks the server for its version: whether it is there and lets us in.
    ///
    /// # Errors
    /// Why it is not so.
    pub async fn version(&self) -> Result<String, PublishError> {
        let mut connection = self.connect(None).await.map_err(|it| self.publish_error(&it))?;
        let asked = redis::cmd("INFO").arg("server").query_async::<String>(&mut connection).await;
        let told = asked.map_err(|it| self.publish_error(&it))?;
        let version = told.lines().find_map(|line| line.strip_prefix("redis_version:"));
        Ok(version.unwrap_or("of an unknown version").to_owned())
    }

    /// What an error means for who wanted something carried.
    pub(crate) fn publish_error(&self, error: &RedisError) -> PublishError {
        let mut said = format!("redis at {}: {error}", self.shown);
        if said.contains("invalid peer certificate") {
            said.push_str(advice(&said));
            return PublishError::Blocked(said);
        }
        let code = error.code().unwrap_or_default();
        let is_closed = matches!(code, "NOAUTH" | "WRONGPASS" | "WRONGTYPE" | "NOPERM");
        match error.kind() {
            ErrorKind::AuthenticationFailed
            | ErrorKind::InvalidClientConfig
            | ErrorKind::Server(ServerErrorKind::NoPerm) => PublishError::Blocked(said),
            _ if is_closed => PublishError::Blocked(said),
            _ => PublishError::Unavailable(said),
        }
    }
}

// What the client says of a bad address may hold all of it.
fn bad(_: RedisError) -> BadAddress {
    BadAddress("write redis://host:port, or rediss:// for TLS".into())
}

/// What to do about a certificate that is not taken, of which the client keeps the words alone.
fn advice(said: &str) -> &'static str {
    // A signature is bad where another authority has the name of a trusted one.
    if said.contains("UnknownIssuer") || said.contains("BadSignature") {
        "; name its authority's file with redis_ca_file, or have this machine trust it"
    } else if said.contains("not valid for name") {
        "; name the server as its certificate does"
    } else {
        "; give the server a certificate that holds now, of X.509 version 3"
    }
}

impl fmt::Display for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis({})", self.shown)
    }
}

/// The one connection of a publisher. Nothing mends it behind its back: whoever lost it asks the
/// server for its position before anything else is said on a new one.
pub(crate) struct Line {
    pub(crate) redis: Redis,
    open: Mutex<Option<MultiplexedConnection>>,
}

impl Line {
    pub(crate) fn to(redis: Redis) -> Self {
        Self { redis, open: Mutex::new(None) }
    }

    /// Opens it anew.
    pub(crate) async fn reopen(&self) -> Result<MultiplexedConnection, PublishError> {
        let mut open = self.open.lock().await;
        *open = None;
        let connection = self.redis.connect(None).await;
        let connection = connection.map_err(|error| self.redis.publish_error(&error))?;
        *open = Some(connection.clone());
        Ok(connection)
    }

    /// As it is.
    pub(crate) async fn connection(&self) -> Result<MultiplexedConnection, PublishError> {
        let away = || PublishError::Unavailable(format!("redis at {}: not connected", self.redis));
        self.open.lock().await.clone().ok_or_else(away)
    }

    /// Gives it up, and says what the error means.
    pub(crate) async fn broke(&self, error: &RedisError) -> PublishError {
        *self.open.lock().await = None;
        self.redis.publish_error(error)
    }
}
