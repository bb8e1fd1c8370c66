//! What every route of the gateway has access to.

use std::sync::{Arc, OnceLock};

use earmark_kernel::Bus;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::{Metrics, RouteMeter};
use crate::openapi::ApiDocs;
use crate::settings::Settings;

/// What every route of the gateway has access to.
pub(crate) struct App {
    pub(crate) bus: Bus,
    pub(crate) settings: Arc<Settings>,
    pub(crate) metrics: Metrics,
    /// Measures requests that match no route.
    pub(crate) no_route: RouteMeter,
    pub(crate) tasks: TaskTracker,
    /// Bytes left for the bodies that are being received.
    pub(crate) body_bytes: Arc<Semaphore>,
    /// Cancelled when the server accepts no more requests.
    pub(crate) stopping: CancellationToken,
    /// Set when the routes are built.
    pub(crate) docs: OnceLock<ApiDocs>,
}

impl App {
    /// The metrics must be installed before.
    pub(crate) fn new(bus: Bus, settings: Settings, metrics: Metrics) -> Self {
        Self {
            bus,
            body_bytes: Arc::new(Semaphore::new(settings.bodies_bytes_max)),
            settings: Arc::new(settings),
            metrics,
            no_route: RouteMeter::new("none"),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            docs: OnceLock::new(),
        }
    }
}
