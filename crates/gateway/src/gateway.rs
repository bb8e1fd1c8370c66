//! The gateway: the API in front of a bus, ready to be served.

use std::net::SocketAddr;
use std::sync::Arc;

use earmark_kernel::Bus;

use crate::app::App;
use crate::http::{BindError, Bound, HttpServer};
use crate::metrics::Metrics;
use crate::routes;
use crate::settings::Settings;

/// The API in front of a bus, before it listens.
pub struct Gateway {
    bus: Bus,
    settings: Settings,
    metrics: Option<Metrics>,
}

impl Gateway {
    /// A gateway in front of a bus.
    #[must_use]
    pub fn builder(bus: Bus, settings: Settings) -> Self {
        Self { bus, settings, metrics: None }
    }

    /// Records into these metrics instead of installing a recorder for the process.
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Listens on an address; port 0 selects a free one. Nothing is accepted yet.
    ///
    /// # Errors
    /// When the address is in use, when other machines can reach it and there are no keys, or when
    /// another recorder of metrics is installed.
    pub async fn bind(self, addr: SocketAddr) -> Result<Bound, BindError> {
        let metrics = match self.metrics {
            Some(metrics) => metrics,
            None => Metrics::install()?,
        };
        let app = Arc::new(App::new(self.bus, self.settings, metrics));
        let router = routes::router(&app);
        HttpServer::with_app(app, router).bind(addr).await
    }
}
