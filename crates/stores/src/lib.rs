//! The stores for the log and the derived rows: SQLite for one process, the log in PostgreSQL for
//! several, memory for tests and simulation.
//!
//! Only this crate contains SQL. All stores fulfil the contracts of
//! [`earmark_kernel::log::LogStore`] and [`earmark_kernel::rows::RowStore`]; one suite in
//! `tests/it` runs against all of them.

#[cfg(feature = "faults")]
pub mod faults;
pub mod memory;
pub mod postgres;
pub mod sqlite;

mod validation;
