//! Real servers for tests and benchmarks: started on free ports in temporary folders, stopped on
//! drop.

pub mod certificates;
pub mod clock;
mod failure;
pub mod pgbouncer;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod smtp;

pub use failure::Failure;
