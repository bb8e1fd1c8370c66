//! The route table while it is built: one entry makes a route and its description.

use std::sync::Arc;

use axum::Router;

use crate::api_request::ApiRequest;
use crate::app::App;
use crate::endpoint::endpoint;
use crate::http::HttpResult;
use crate::openapi::{Group, Operation};

/// The groups of operations, in the order of the document.
pub(super) const GROUPS: [Group; 9] = [
    (
        "Compatibility",
        "The HTTP API of the application in *Architecture Patterns with Python*, unchanged, so that \
         its clients work with this server.",
    ),
    ("Batches", "Stock: in the warehouse, or on its way to it."),
    ("Lines", "Stock allocated to order lines."),
    ("Holds", "Stock reserved for a limited time, for all lines of an order or for none."),
    ("Goods", "Goods that leave the warehouse, and goods that come back."),
    ("Stock", "The stock of each SKU, and the history of its changes."),
    ("Feeds", "Public events for other systems, in order and without gaps."),
    (
        "Parked",
        "Messages that could not be read or handled, with the reason; they can be replayed.",
    ),
    ("Server", "The health of the server, its metrics, and its documentation."),
];

pub(crate) struct RouteTable {
    app: Arc<App>,
    router: Router,
    operations: Vec<Operation>,
    group: &'static str,
}

impl RouteTable {
    pub(super) fn new(app: &Arc<App>) -> Self {
        let (router, operations) = (Router::new(), Vec::new());
        Self { app: Arc::clone(app), router, operations, group: "" }
    }

    /// The routes that follow belong to this group.
    pub(super) fn group(mut self, name: &'static str) -> Self {
        debug_assert!(GROUPS.iter().any(|(known, _)| *known == name));
        self.group = name;
        self
    }

    /// Adds a route.
    pub(super) fn route<F, A>(mut self, mut operation: Operation, handler: F) -> Self
    where
        F: Fn(ApiRequest) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = HttpResult> + Send + 'static,
    {
        operation.group = self.group;
        let method_router = endpoint(&self.app, &operation, handler);
        self.router = self.router.route(operation.path, method_router);
        self.operations.push(operation);
        self
    }

    pub(super) fn finish(self) -> (Router, Vec<Operation>) {
        (self.router, self.operations)
    }
}
