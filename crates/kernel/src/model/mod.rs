//! The vocabulary: messages, aggregates, events as they are stored in the log, and outcomes.

pub(crate) mod aggregate;
pub(crate) mod envelope;
pub(crate) mod json_reply;
pub(crate) mod kernel_event;
pub(crate) mod kinds;
pub(crate) mod limits;
pub(crate) mod message;
pub(crate) mod operation;
pub(crate) mod outcome;
pub(crate) mod partitioning;
