//! The edge from outside: real sockets against the real service on a store in memory.

mod batches;
mod book;
mod bulk;
mod client;
mod connections;
mod feeds;
mod holds;
mod house;
mod idempotency;
mod input;
mod keys;
mod limits;
mod lines;
mod openapi;
mod overload;
mod server;
mod stock;
