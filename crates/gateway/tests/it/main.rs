//! The gateway from outside: real sockets in front of the real service on a store in memory.

mod batches;
mod bombs;
mod bulk;
#[cfg(test)]
mod client;
mod compat;
mod connections;
mod feeds;
mod holds;
mod hostile;
mod idempotency;
mod input;
#[cfg(test)]
mod keys;
mod limits;
mod lines;
#[cfg(test)]
mod node;
mod openapi;
mod overload;
mod parked;
mod server;
mod slow;
mod smuggling;
mod stock;
