//! What all connections of a server share.

use std::sync::Arc;

use axum::Router;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::settings::Settings;

pub(crate) struct ServerState {
    pub(crate) router: Router,
    pub(crate) settings: Arc<Settings>,
    /// The gateway, whose checks and headers apply to every request. None: requests and responses
    /// pass unchanged.
    pub(crate) app: Option<Arc<App>>,
    pub(crate) tasks: TaskTracker,
    /// Cancelled when the server accepts no more requests.
    pub(crate) stopping: CancellationToken,
}
