//! The table of a service: what it handles, answers, publishes and reacts to.

pub(crate) mod dispatch;
pub(crate) mod effects;
pub(crate) mod flow;
pub(crate) mod opening;
pub(crate) mod procedure;
pub(crate) mod registration;
pub(crate) mod service;
