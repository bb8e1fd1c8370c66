//! What every route has at hand, and the table of routes that it stands in.

use std::sync::{Arc, OnceLock};

use axum::Router;
use earmark_kernel::Bus;
use tokio::sync::{Semaphore, watch};

use crate::metrics::{Metrics, RouteMeter};
use crate::routes::Pages;
use crate::settings::Settings;
use crate::tasks::Tasks;

/// What every route has at hand.
pub(crate) struct App {
    pub(crate) bus: Bus,
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
    /// Measures what no route takes.
    pub(crate) no_route: RouteMeter,
    pub(crate) tasks: Tasks,
    /// The room that the bodies on their way have together, in bytes.
    pub(crate) bodies: Arc<Semaphore>,
    /// True once the server takes nothing more.
    pub(crate) stopping: watch::Sender<bool>,
    /// Made when the table of routes is drawn.
    pub(crate) pages: OnceLock<Pages>,
}

/// The routes with what they need.
pub(crate) struct Edge {
    pub(crate) app: Arc<App>,
    pub(crate) router: Router,
    /// The routes are others': requests go to them, and answers come back, as they are.
    pub(crate) is_bare: bool,
}
