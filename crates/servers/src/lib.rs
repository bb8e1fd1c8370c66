//! Real servers for tests and benches: started on free ports in temporary folders, ended on drop.

mod daemon;
mod failure;
pub mod pgbouncer;
pub mod postgres;
pub mod proxy;
mod seam;

pub use daemon::free_port;
pub use failure::Failure;
