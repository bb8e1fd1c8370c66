//! The server: listens, accepts connections, and stops without cutting off a request.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::connection::{self, LAST_REQUEST_DURATION};
use super::server_state::ServerState;
use super::timer::sleep;
use crate::app::App;
use crate::metrics::MetricsTaken;
use crate::settings::Settings;

/// Delay before the next attempt when the system has no socket left.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// Interval at which measurements are aggregated when nobody reads them.
const METRICS_UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Serves a router over HTTP/1.1, within the connection limits and timeouts of the [`Settings`].
/// It adds nothing of its own: no keys, no metrics, no headers. A [`Gateway`](crate::Gateway) runs
/// on the same server.
pub struct HttpServer(ServerState);

/// Why the server does not listen.
#[derive(Debug, Error)]
pub enum BindError {
    /// Other machines could reach it, and it would accept everybody.
    #[error("{0} can be reached from other machines: set keys, or listen on 127.0.0.1 or [::1]")]
    NoKeys(SocketAddr),
    /// The system refuses the address.
    #[error("cannot listen on {addr}: {source}")]
    Address {
        /// The address.
        addr: SocketAddr,
        /// The system's error.
        source: std::io::Error,
    },
    /// Another recorder of metrics is installed in this process.
    #[error(transparent)]
    Metrics(#[from] MetricsTaken),
}

impl HttpServer {
    /// A server for this router.
    #[must_use]
    pub fn new(router: Router, settings: Settings) -> Self {
        Self(ServerState {
            router,
            settings: Arc::new(settings),
            app: None,
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        })
    }

    /// A server for the gateway's own router, with the gateway's checks and headers.
    pub(crate) fn with_app(app: Arc<App>, router: Router) -> Self {
        Self(ServerState {
            router,
            settings: Arc::clone(&app.settings),
            tasks: app.tasks.clone(),
            stopping: app.stopping.clone(),
            app: Some(app),
        })
    }

    /// Listens on an address; port 0 selects a free one. Nothing is accepted yet.
    ///
    /// # Errors
    /// When the address is in use, or when other machines can reach it and no key is required.
    pub async fn bind(self, addr: SocketAddr) -> Result<Bound, BindError> {
        let Self(state) = self;
        let requires_key =
            state.app.as_ref().is_some_and(|app| app.settings.security.requires_key());
        if !addr.ip().is_loopback() && !requires_key {
            return Err(BindError::NoKeys(addr));
        }
        let refused = |source| BindError::Address { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(refused)?;
        let local_addr = listener.local_addr().map_err(refused)?;
        Ok(Bound { local_addr, listener, state: Arc::new(state) })
    }
}

/// A server that listens.
pub struct Bound {
    /// The address that it listens on.
    pub local_addr: SocketAddr,
    listener: TcpListener,
    state: Arc<ServerState>,
}

impl Bound {
    /// Serves until `shutdown` completes. Then it handles the requests that clients have sent by
    /// that time, accepts no more connections, and waits for the requests in flight, at most for
    /// the `drain_timeout` of the settings. Returns whether all of them completed.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> bool {
        let Self { listener, state, .. } = self;
        let drain_timeout = state.settings.drain_timeout;
        let tasks = state.tasks.clone();
        let upkeep = state.app.as_ref().map(|app| {
            let metrics = app.metrics.clone();
            AbortOnDropHandle::new(tasks.spawn(async move {
                loop {
                    sleep(METRICS_UPKEEP_INTERVAL).await;
                    metrics.upkeep();
                }
            }))
        });
        {
            let mut accept = pin!(accept_all(&listener, &state));
            let mut shutdown = pin!(async {
                shutdown.await;
                state.stopping.cancel();
                // Connections that the system has accepted by now are served, too.
                sleep(LAST_REQUEST_DURATION).await;
            });
            std::future::poll_fn(|context| {
                let _ = accept.as_mut().poll(context);
                shutdown.as_mut().poll(context)
            })
            .await;
        }
        drop(listener);
        drop(upkeep);
        drop(state);
        tasks.close();
        let drained = tokio::time::timeout(drain_timeout, tasks.wait()).await.is_ok();
        if !drained {
            tracing::warn!("some requests did not complete in time and are cut off");
        }
        drained
    }
}

/// Accepts connections, at most `connections_max` at a time; never returns.
async fn accept_all(listener: &TcpListener, state: &Arc<ServerState>) -> Infallible {
    let slots = Arc::new(Semaphore::new(state.settings.connections_max));
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await;
        let slot = slot.expect("the semaphore is never closed");
        let socket = accept(listener).await;
        let serving = connection::serve(Arc::clone(state), socket);
        drop(state.tasks.spawn(async move {
            serving.await;
            drop(slot);
        }));
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => return socket,
            // The client was gone before it was served.
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted now");
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
