//! The client of a database: the readers' connections, and the thread that drives them.

use std::error::Error as _;
use std::fmt;
use std::pin::Pin;
use std::sync::mpsc;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod};
use earmark_kernel::clock::sleep;
use tokio::runtime::Runtime;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client as PgClient, Config, Error as PgError};

use super::address::Address;
use super::connection::{close, with_timeout};
use super::error::{Error, explain};
use super::open_error::OpenError;
use super::server::{self, ServerInfo};
use super::tls::Tls;

/// Connections that the readers of one process share; each partition's writer has its own.
const CONNECTIONS_MAX: usize = 16;
/// Attempts of a request that fails with a transient error.
const ATTEMPTS_MAX: usize = 40;
/// The pause between two attempts: ten seconds in all, if the server refuses at once.
const RETRY_DELAY: Duration = Duration::from_millis(250);

/// The connections of this process to a database.
pub(super) struct Client {
    /// Drives the readers' connections. Readers call from threads of every kind, and blocking on a
    /// future inside the runtime of a caller is not allowed. None while this is dropped.
    runtime: Option<Runtime>,
    pub(super) pool: Pool,
    pub(super) address: String,
    config: Config,
    tls: Tls,
}

impl Client {
    pub(super) fn open(address: &Address) -> Result<Self, OpenError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("postgres")
            .enable_all()
            .build()?;
        let tls = Tls::of(&address.trust)?;
        let config = address.config.clone();
        let pool = new_pool(&config, &tls, CONNECTIONS_MAX);
        Ok(Self { runtime: Some(runtime), pool, address: address.to_string(), config, tls })
    }

    /// A separate pool of at most `connections_max` connections.
    pub(super) fn new_pool(&self, connections_max: usize) -> Pool {
        new_pool(&self.config, &self.tls, connections_max)
    }

    /// Connects outside the pool and checks the server. A failed check is returned as it is.
    pub(super) fn probe(&self) -> Result<ServerInfo, OpenError> {
        let (config, tls) = (self.config.clone(), self.tls.clone());
        let (address, mode) = (self.address.clone(), self.config.get_ssl_mode());
        self.run(async move {
            let why = match with_timeout(probe(&config, tls)).await {
                Ok(Ok(Ok(info))) => return Ok(info),
                Ok(Ok(Err(refused))) => return Err(refused),
                Ok(Err(error)) => format!("{}{}", explain(&error), advice(mode, &error)),
                Err(error) => error.text(),
            };
            Err(OpenError::Unreachable { address, why })
        })
    }

    /// Runs `work` on the client's runtime; blocks this thread until it is done.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let (sender, receiver) = mpsc::sync_channel(1);
        let runtime = self.runtime.as_ref().expect("it is there until the client is dropped");
        runtime.spawn(async move {
            // The receiver waits below.
            let _ = sender.send(work.await);
        });
        receiver.recv().expect("the client's thread panicked; the state of the request is unknown")
    }

    /// Sends a request; repeats it after a transient error. It may be executed more than once.
    pub(super) fn request<T: Send + 'static>(
        &self,
        request: impl for<'c> Fn(&'c PgClient) -> Response<'c, T> + Send + Sync + 'static,
    ) -> Result<T, Error> {
        let pool = self.pool.clone();
        self.run(async move {
            let mut attempts = 0;
            loop {
                attempts += 1;
                match request_once(&pool, &request).await {
                    Err(Error::Transient(why)) if attempts < ATTEMPTS_MAX => {
                        tracing::debug!(why, attempts, "the request is repeated");
                        sleep(RETRY_DELAY).await;
                    }
                    response => return response,
                }
            }
        })
    }
}

/// The response to a request over one connection.
pub(super) type Response<'c, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'c>>;

async fn request_once<T>(
    pool: &Pool,
    request: &(impl for<'c> Fn(&'c PgClient) -> Response<'c, T> + Sync),
) -> Result<T, Error> {
    let object = pool.get().await?;
    let response = with_timeout(request(&object)).await.flatten();
    if response.is_err() {
        close(object);
    }
    response
}

/// A pool that checks the server's settings on every new connection.
fn new_pool(config: &Config, tls: &Tls, connections_max: usize) -> Pool {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(config.clone(), tls.clone(), recycling);
    let check = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
        Box::pin(async move {
            match server::check(client).await {
                Ok(None) => Ok(()),
                Ok(Some(refused)) => Err(HookError::message(refused.to_string())),
                Err(error) => Err(HookError::Backend(error)),
            }
        })
    });
    let pool = Pool::builder(manager).max_size(connections_max).post_create(check).build();
    pool.expect("a pool without timeouts needs no timer")
}

#[expect(clippy::disallowed_methods, reason = "the client's own runtime, which is its seam")]
async fn probe(config: &Config, tls: Tls) -> Result<Result<ServerInfo, OpenError>, PgError> {
    let (client, connection) = config.connect(tls).await?;
    // The task ends when the client is dropped.
    let _connection = tokio::spawn(connection);
    match server::check(&client).await? {
        Some(refused) => Ok(Err(refused)),
        None => server::info(&client).await.map(Ok),
    }
}

/// What to do when only one of the two sides supports or wants encryption.
fn advice(mode: SslMode, error: &PgError) -> &'static str {
    let is_unauthorized = error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
    let is_without = || error.source().is_some_and(|it| it.to_string().contains("not support TLS"));
    match mode {
        SslMode::Disable if is_unauthorized => {
            "; if the server requires encryption, set sslmode=require or verify-full"
        }
        SslMode::Require if is_without() => {
            "; set ssl = on on the server, or set sslmode=disable if the network is trusted"
        }
        _ => "",
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may be dropped inside an async task, where blocking is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}
