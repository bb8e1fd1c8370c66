//! A replay on a data folder of its own, and the report as a table.

mod run;
mod table;

pub use run::{Request, replay};
pub use table::table;
