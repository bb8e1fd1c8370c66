//! The routes: a table per service, each entry with its path, its handler and its description.

pub(crate) mod allocation;
mod docs;
mod feeds;
mod health;
mod parameters;
mod parked;
mod router;
mod table;

pub(crate) use router::router;
