//! Where the log and the derived rows are kept: SQLite for one process, the log in PostgreSQL for
//! many, memory for tests and simulation.
//!
//! Only this crate holds SQL. All stores keep the contracts of [`earmark_kernel::log::LogStore`]
//! and [`earmark_kernel::rows::RowStore`]; `tests/conformance.rs` runs one suite against them.

#[cfg(feature = "faults")]
pub mod faults;
pub mod memory;
pub mod postgres;
pub mod sqlite;

mod contract;
