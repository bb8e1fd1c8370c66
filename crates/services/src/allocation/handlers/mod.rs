//! Command handlers: pure functions from the stock and a command to facts and an answer.

mod acceptance;
pub(super) mod batches;
pub(super) mod goods;
pub(super) mod holds;
pub(super) mod lines;
mod lookup;
