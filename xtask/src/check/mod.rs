//! Checks: all that CI runs, and those that take longer.

pub mod failpoints;
pub mod power;
pub mod schemathesis;
pub mod simulate;
pub mod test;
pub mod torture;
