//! What every route has at hand, and the table of routes that it stands in.

use axum::Router;
use earmark_kernel::Bus;

use tokio::sync::watch;

use crate::measure::Metrics;
use crate::settings::Settings;
use crate::tasks::Tasks;

/// What every route has at hand.
pub(crate) struct App {
    pub(crate) bus: Bus,
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
    pub(crate) tasks: Tasks,
    /// True once the server takes nothing more.
    pub(crate) stopping: watch::Sender<bool>,
}

/// The routes with what they need.
pub(crate) struct Edge {
    pub(crate) app: std::sync::Arc<App>,
    pub(crate) router: Router,
}
