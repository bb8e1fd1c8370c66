//! The server: listens, accepts, and ends without cutting a request in half.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use earmark_kernel::clock::SystemClock;
use earmark_kernel::ids::RandomIds;
use earmark_kernel::{Bus, Limits};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::app::{App, Edge};
use crate::connection::{self, LAST_RESPONSE_DURATION};
use crate::metrics::{Metrics, MetricsTaken, RouteMeter};
use crate::routes;
use crate::settings::Settings;
use crate::tasks::{AllEnded, Tasks, rest};

/// After the system gave no socket, so long is waited before it is asked again.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// So often measurements are put together when nobody asks for them.
const METRICS_UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The edge before it listens.
pub struct Gateway {
    bus: Bus,
    settings: Settings,
    metrics: Option<Metrics>,
    /// Served instead of the house's own.
    bare: Option<Router>,
}

/// Why the edge does not listen.
#[derive(Debug, Error)]
pub enum BindError {
    /// Other machines could reach it, and it would let everybody in.
    #[error("{0} can be reached from other machines: set keys, or listen on 127.0.0.1 or [::1]")]
    NoKeys(SocketAddr),
    /// The system refuses the address.
    #[error("cannot listen on {addr}: {source}")]
    Address {
        /// The address.
        addr: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// Somebody else measures in this process.
    #[error(transparent)]
    Metrics(#[from] MetricsTaken),
}

impl Gateway {
    /// An edge in front of a bus.
    #[must_use]
    pub fn builder(bus: Bus, settings: Settings) -> Self {
        Self { bus, settings, metrics: None, bare: None }
    }

    /// Others' routes on the connections of the edge, without what the edge does for its own
    /// routes: no keys, no metrics, no headers added. For measuring what HTTP itself takes.
    ///
    /// # Panics
    /// Never: a bus without services opens.
    #[must_use]
    pub fn bare(routes: Router, settings: Settings) -> Self {
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds));
        let bus = Bus::open(Vec::new(), clock, ids, Limits::default());
        let bus = bus.expect("there is no store that could fail");
        Self { bare: Some(routes), ..Self::builder(bus, settings) }
    }

    /// Measures into these metrics, instead of installing some for the process.
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Listens on an address; port 0 gives any free one. Nothing is accepted yet.
    ///
    /// # Errors
    /// When the address is taken, or open to other machines while there are no keys.
    pub async fn bind(self, addr: SocketAddr) -> Result<Bound, BindError> {
        if !addr.ip().is_loopback() && !self.settings.security.asks_for_keys() {
            return Err(BindError::NoKeys(addr));
        }
        let metrics = match self.metrics {
            Some(metrics) => metrics,
            None => Metrics::install()?,
        };
        let refused = |source| BindError::Address { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(refused)?;
        let local_addr = listener.local_addr().map_err(refused)?;
        let (tasks, all_ended) = Tasks::new();
        let app = Arc::new(App {
            bus: self.bus,
            bodies: Arc::new(Semaphore::new(self.settings.bodies_bytes_max)),
            settings: self.settings,
            metrics,
            no_route: RouteMeter::of("none"),
            tasks,
            stopping: watch::Sender::new(false),
            pages: OnceLock::new(),
        });
        let is_bare = self.bare.is_some();
        let router = self.bare.unwrap_or_else(|| routes::router(&app));
        Ok(Bound { local_addr, listener, edge: Arc::new(Edge { app, router, is_bare }), all_ended })
    }
}

/// The edge, listening.
pub struct Bound {
    /// The address that it listens on.
    pub local_addr: SocketAddr,
    listener: TcpListener,
    edge: Arc<Edge>,
    all_ended: AllEnded,
}

impl Bound {
    /// Serves until `shutdown` comes; then takes what clients have sent by then, no more
    /// connections, and ends the requests in flight, for as long as the settings give them. Says
    /// whether all of them ended.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> bool {
        let Self { listener, edge, mut all_ended, .. } = self;
        let drain_timeout = edge.app.settings.drain_timeout;
        let tasks = edge.app.tasks.clone();
        let metrics = edge.app.metrics.clone();
        let upkeep = tasks.attend(async move {
            loop {
                rest(METRICS_UPKEEP_INTERVAL).await;
                metrics.upkeep();
            }
        });
        {
            let mut accept = pin!(accept_all(&listener, &edge));
            let mut shutdown = pin!(async {
                shutdown.await;
                edge.app.stopping.send_replace(true);
                // Who was let in by the system before is served, too.
                rest(LAST_RESPONSE_DURATION).await;
            });
            std::future::poll_fn(|context| {
                let _ = accept.as_mut().poll(context);
                shutdown.as_mut().poll(context)
            })
            .await;
        }
        drop(listener);
        drop(upkeep);
        drop((edge, tasks));
        let ended = tokio::time::timeout(drain_timeout, all_ended.wait()).await;
        if ended.is_err() {
            tracing::warn!("some requests did not end in time and are cut off");
        }
        ended.is_ok()
    }
}

/// Accepts connections, as many at a time as the settings allow; never ends.
async fn accept_all(listener: &TcpListener, edge: &Arc<Edge>) -> Infallible {
    let room = Arc::new(Semaphore::new(edge.app.settings.connections_max));
    loop {
        let place = Arc::clone(&room).acquire_owned().await;
        let place = place.expect("nobody closes the room");
        let socket = accept(listener).await;
        let serving = connection::serve(Arc::clone(edge), socket);
        drop(edge.app.tasks.detach(async move {
            serving.await;
            drop(place);
        }));
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => return socket,
            // The client was gone before it was served, or the system has no socket left.
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted now");
                rest(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
