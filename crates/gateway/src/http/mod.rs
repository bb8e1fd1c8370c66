//! HTTP itself: sockets, timeouts, bodies, headers and responses; nothing here knows a route.

pub(crate) mod body;
mod connection;
mod detach_on_drop;
pub(crate) mod headers;
pub(crate) mod json;
pub(crate) mod middleware;
mod panics;
pub(crate) mod query;
pub(crate) mod response;
mod server;
mod server_state;
mod timeouts;
mod timer;

pub(crate) use body::BodyFormat;
pub(crate) use detach_on_drop::DetachOnDrop;
pub(crate) use panics::poll_caught;
pub(crate) use response::HttpResult;
pub use server::{BindError, Bound, HttpServer};
