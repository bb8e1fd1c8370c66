//! The bus of a process: routing, status, verification, and the threads that drive it.

pub(crate) mod relay_registry;
pub(crate) mod routes;
pub mod runtime;
pub(crate) mod sending;
pub(crate) mod status;
pub(crate) mod verify;
