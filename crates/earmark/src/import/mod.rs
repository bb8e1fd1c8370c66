//! Import: batches and order lines of CSV files become commands.

pub mod batches;
pub mod lines;
mod run;
mod values;

#[cfg(any(test, feature = "fuzzing"))]
pub use run::Row;
pub use run::{Import, Method, Read, import};
