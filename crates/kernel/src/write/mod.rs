//! The write path of a partition: queue, writer, group commit and stored answers.

pub(crate) mod cache;
pub(crate) mod command_batch;
pub(crate) mod composite;
pub(crate) mod handling;
pub(crate) mod idempotency;
pub(crate) mod partition;
pub(crate) mod queue;
pub(crate) mod running;
pub(crate) mod submission;
pub(crate) mod together;
pub(crate) mod turn;
pub(crate) mod writer;
