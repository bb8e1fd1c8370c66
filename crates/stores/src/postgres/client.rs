//! The way to the server: connections, and the thread that speaks over them for all others.

use std::error::Error as _;
use std::fmt;
use std::pin::Pin;
use std::sync::mpsc;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use tokio::runtime::Runtime;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client as PgClient, Config, Error as PgError};

use super::Seen;
use super::address::Address;
use super::error::{Error, explain};
use super::open_error::OpenError;
use super::server;
use super::tls::Tls;

/// Connections that the readers of one process share; each partition's writer has its own.
const CONNECTIONS_MAX: usize = 16;
/// What passes is tried so often ...
const ATTEMPTS_MAX: usize = 40;
/// ... after so long each: ten seconds in all, if the server refuses at once.
const RETRY_DELAY: Duration = Duration::from_millis(250);
/// An answer that takes longer never comes.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// The connections of this process to a database.
pub(super) struct Client {
    /// Readers speak from here: a store is asked from threads of every kind, and a future may not
    /// be waited for within somebody else's runtime. None once this is dropped.
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
        let pool = connections(&config, &tls, CONNECTIONS_MAX);
        Ok(Self { runtime: Some(runtime), pool, address: address.to_string(), config, tls })
    }

    /// Connections of one's own, at most so many.
    pub(super) fn connections(&self, at_most: usize) -> Pool {
        connections(&self.config, &self.tls, at_most)
    }

    /// Connects, and looks whether the server keeps what it confirms. What is wrong keeps its name.
    pub(super) fn look(&self) -> Result<Seen, OpenError> {
        let (config, tls) = (self.config.clone(), self.tls.clone());
        let (address, mode) = (self.address.clone(), self.config.get_ssl_mode());
        self.run(async move {
            let looked = within(look(&config, tls)).await;
            let why = match looked {
                Some(Ok(Ok(seen))) => return Ok(seen),
                Some(Ok(Err(weak))) => return Err(weak),
                Some(Err(error)) => format!("{}{}", explain(&error), advice(mode, &error)),
                None => "it does not answer".to_owned(),
            };
            Err(OpenError::Unreachable { address, why })
        })
    }

    /// Waits for an answer in this thread while the store's own speaks.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let (tell, told) = mpsc::sync_channel(1);
        let runtime = self.runtime.as_ref().expect("it goes with the client");
        runtime.spawn(async move {
            // Whoever asked waits for it.
            let _ = tell.send(work.await);
        });
        told.recv().expect("the store's thread panicked, and nobody knows what it has done")
    }

    /// Asks, and asks again what passes. What is asked may be done more than once.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        question: impl for<'c> Fn(&'c PgClient) -> Answer<'c, T> + Send + Sync + 'static,
    ) -> Result<T, Error> {
        let pool = self.pool.clone();
        self.run(async move {
            let mut tries = 0;
            loop {
                tries += 1;
                match once(&pool, &question).await {
                    Err(Error::Transient(why)) if tries < ATTEMPTS_MAX => {
                        tracing::debug!(why, tries, "asked again");
                        rest(RETRY_DELAY).await;
                    }
                    ended => return ended,
                }
            }
        })
    }
}

/// Of every server it is looked whether it keeps what it confirms.
fn connections(config: &Config, tls: &Tls, at_most: usize) -> Pool {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(config.clone(), tls.clone(), recycling);
    let look = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
        Box::pin(async move {
            match server::check(client).await {
                Ok(None) => Ok(()),
                Ok(Some(weak)) => Err(HookError::message(weak.to_string())),
                Err(error) => Err(HookError::Backend(error)),
            }
        })
    });
    let pool = Pool::builder(manager).max_size(at_most).post_create(look).build();
    pool.expect("a pool without timeouts needs no timer")
}

/// What is asked over one connection.
pub(super) type Answer<'c, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'c>>;

async fn once<T>(
    pool: &Pool,
    question: &(impl for<'c> Fn(&'c PgClient) -> Answer<'c, T> + Sync),
) -> Result<T, Error> {
    let object = pool.get().await?;
    let answer = within(question(&object)).await.unwrap_or_else(|| Err(silence()));
    if answer.is_err() {
        discard(object);
    }
    answer
}

/// No answer came in time.
pub(super) fn silence() -> Error {
    Error::Transient("the server does not answer".to_owned())
}

#[expect(clippy::disallowed_methods, reason = "the store's own runtime, which is its seam")]
async fn look(config: &Config, tls: Tls) -> Result<Result<Seen, OpenError>, PgError> {
    let (client, connection) = config.connect(tls).await?;
    // It ends with the client.
    let _speaking = tokio::spawn(connection);
    if let Some(weak) = server::check(&client).await? {
        return Ok(Err(weak));
    }
    let ask = "SELECT pg_catalog.current_setting('server_version'), \
               coalesce((SELECT ssl FROM pg_catalog.pg_stat_ssl \
               WHERE pid = pg_catalog.pg_backend_pid()), false)";
    let row = client.query_typed_one(ask, &[]).await?;
    Ok(Ok(Seen { version: row.get(0), is_encrypted: row.get(1) }))
}

/// What to do where one side wants encryption and the other has none.
fn advice(mode: SslMode, error: &PgError) -> &'static str {
    let is_barred = error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
    let is_without = || error.source().is_some_and(|it| it.to_string().contains("not support TLS"));
    match mode {
        SslMode::Disable if is_barred => {
            "; where the server demands encryption, say sslmode=require or verify-full"
        }
        SslMode::Require if is_without() => {
            "; set ssl = on there, or say sslmode=disable where nobody else hears the way"
        }
        _ => "",
    }
}

/// Ends a connection of which nobody knows in what state it is.
pub(super) fn discard(object: Object) {
    drop(Object::take(object));
}

/// None when there is no answer in time.
pub(super) async fn within<T>(answer: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(RESPONSE_TIMEOUT, answer).await.ok()
}

pub(super) async fn rest(time: Duration) {
    let _ = tokio::time::timeout(time, std::future::pending::<()>()).await;
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may be dropped by a task, where nobody may wait.
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
