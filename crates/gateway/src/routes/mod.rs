//! The routes: a table a service, each line with its path, its handler and its description.

pub(crate) mod allocation;
mod feeds;
mod health;
mod pages;
mod parked;

use std::sync::Arc;

use axum::Router;

use crate::answer::Answered;
use crate::api_request::ApiRequest;
use crate::app::App;
use crate::endpoint::{endpoint, no_such_method, nowhere};
use crate::openapi::{Group, Operation, document};
pub(crate) use pages::Pages;

/// What the operations are grouped by, in the order of the document.
const GROUPS: [Group; 9] = [
    ("Compatibility", "The contract of the service that Earmark grows out of, unchanged."),
    ("Batches", "Stock: in the warehouse, or on its way."),
    ("Lines", "Stock promised to the lines of orders."),
    ("Holds", "Places for a while, for all lines of an order or none."),
    ("Goods", "What leaves the warehouse, and what comes back."),
    ("Stock", "What there is of each SKU, and what happened to it."),
    ("Feeds", "Public events for other systems, without gaps."),
    ("Parked", "Messages that were set aside, because they could not be read or served."),
    ("Server", "How the server is, and what it offers."),
];

/// The table while it is drawn.
pub(crate) struct Routes {
    app: Arc<App>,
    router: Router,
    operations: Vec<Operation>,
    group: &'static str,
}

impl Routes {
    /// The lines that follow belong to this group.
    fn group(mut self, name: &'static str) -> Self {
        debug_assert!(GROUPS.iter().any(|(known, _)| *known == name));
        self.group = name;
        self
    }

    /// A line of the table.
    fn line<F, A>(mut self, mut operation: Operation, run: F) -> Self
    where
        F: Fn(ApiRequest) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Answered> + Send + 'static,
    {
        operation.group = self.group;
        let method_router = endpoint(&self.app, &operation, run);
        self.router = self.router.route(operation.path, method_router);
        self.operations.push(operation);
        self
    }
}

/// Draws the table.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let routes =
        Routes { app: Arc::clone(app), router: Router::new(), operations: Vec::new(), group: "" };
    let routes = allocation::draw(routes);
    let routes = feeds::draw(routes);
    let routes = parked::draw(routes);
    let routes = health::draw(routes);
    let routes = pages::draw(routes);
    let asks_for_keys = app.settings.security.asks_for_keys();
    let document = document(&GROUPS, &routes.operations, asks_for_keys);
    app.pages.get_or_init(|| Pages::of(&document));
    let (here, there) = (Arc::clone(app), Arc::clone(app));
    let no_such_method = move |request| no_such_method(Arc::clone(&here), request);
    let nowhere = move |request| nowhere(Arc::clone(&there), request);
    routes.router.method_not_allowed_fallback(no_such_method).fallback(nowhere)
}
