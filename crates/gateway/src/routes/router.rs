//! The router of all routes, and the documentation made of their descriptions.

use std::sync::Arc;

use axum::Router;

use super::table::{GROUPS, RouteTable};
use super::{allocation, docs, feeds, health, parked};
use crate::app::App;
use crate::endpoint::{method_not_allowed, not_found};
use crate::openapi::{ApiDocs, document};

/// Builds the router, and sets the documentation of the app.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let table = RouteTable::new(app);
    let table = allocation::add(table);
    let table = feeds::add(table);
    let table = parked::add(table);
    let table = health::add(table);
    let (router, operations) = docs::add(table).finish();
    let document = document(&GROUPS, &operations, app.settings.security.requires_key());
    app.docs.get_or_init(|| ApiDocs::new(&document));
    let (here, there) = (Arc::clone(app), Arc::clone(app));
    let method_not_allowed = move |request| method_not_allowed(Arc::clone(&here), request);
    let not_found = move |request| not_found(Arc::clone(&there), request);
    router.method_not_allowed_fallback(method_not_allowed).fallback(not_found)
}
