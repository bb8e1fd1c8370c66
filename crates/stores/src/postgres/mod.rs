//! The log in PostgreSQL: several processes append to it and read it, one appends at a time.

mod address;
mod client;
mod columns;
mod connection;
mod database;
mod error;
mod fencing;
mod leases;
mod log;
mod migrate;
mod open_error;
mod server;
mod tls;
mod turn;
mod writer_connection;

pub use address::Address;
pub use database::{PARTITIONS_MAX, Postgres};
pub use log::PostgresLog;
pub use open_error::OpenError;
pub use server::ServerInfo;
