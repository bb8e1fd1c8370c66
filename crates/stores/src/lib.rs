//! Where the log and the derived rows are kept: SQLite for real, memory for tests and simulation.
//!
//! Only this crate holds SQL. Both stores keep the contracts of [`earmark_kernel::log::LogStore`]
//! and [`earmark_kernel::rows::RowStore`]; `tests/conformance.rs` runs one suite against both.

#[cfg(feature = "faults")]
pub mod faults;
pub mod memory;
pub mod sqlite;

mod contract;
