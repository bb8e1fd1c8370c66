//! Ports to the outside: clock, ids, stores, publishers and adapters.

pub(crate) mod adapter;
pub mod clock;
pub mod failpoint;
pub mod ids;
pub mod log;
pub(crate) mod public_record;
pub(crate) mod publisher;
pub mod rows;
pub(crate) mod stores;
