//! Problems: how a request fails, as RFC 9457 defines it.

pub(crate) mod kinds;
mod refusals;
mod response;

pub(crate) use kinds::Kind;
pub(crate) use response::{PROBLEM_JSON, Problem, REPLAYED};
