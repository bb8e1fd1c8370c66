//! `earmark bench` on a server of its own, and the report as a table.

mod own;
mod own_server;
mod table;

pub use own::measure_own;
pub use table::table;
