//! The HTTP interface of Earmark: requests are read, checked and sent to the bus; its answers
//! become responses.
//!
//! A request passes `http/server` and `http/connection` (sockets, timeouts), `http/middleware`
//! (header limits, keys), `endpoint` (parameters and body, read strictly; metrics) and a route,
//! which turns it into a command or a query. One entry of a route table holds the path, the handler
//! and the OpenAPI description of an operation, so none of the three can be missing.
//!
//! **Invariant:** no business decision is made here; nothing of HTTP leaves this crate.

mod api_request;
mod app;
mod command;
mod dry_run;
mod endpoint;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod gateway;
mod http;
mod metrics;
mod openapi;
mod problem;
mod routes;
mod settings;

pub use gateway::Gateway;
pub use http::{BindError, Bound, HttpServer};
pub use metrics::{Metrics, MetricsTaken};
pub use settings::{InvalidSecret, Secret, Security, Settings};
