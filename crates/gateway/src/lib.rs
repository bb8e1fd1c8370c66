//! The edge of Earmark over HTTP: what comes in is read, checked and sent; what comes back is told.
//!
//! A request passes `server` and `connection` (sockets, times), `guard` (keys, header limits,
//! metrics), `endpoint` (parameters and body, read strictly) and a route, which makes a command or
//! a question of it. The same line of a route's table gives its path, its handler and its part of
//! the OpenAPI document, so none of the three can be without the others.
//!
//! **Invariant:** nothing here decides; nothing of HTTP leaves this crate.

mod answer;
mod api_docs;
mod api_request;
mod app;
mod body;
mod command;
mod connection;
mod endpoint;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod json;
mod metrics;
mod middleware;
mod openapi;
mod problem;
mod query;
mod routes;
mod server;
mod settings;
mod tasks;
mod timeouts;

pub use metrics::{Metrics, MetricsTaken};
pub use server::{BindError, Bound, Gateway};
pub use settings::{InvalidSecret, Secret, Security, Settings};
