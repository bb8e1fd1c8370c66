//! The stores in memory: the reference behaviour, with crashes and faults decided by the caller.
//!
//! **Invariant:** nothing here reads a clock or a random number, so a simulation can repeat
//! itself.

mod faults;
mod log;
mod process;
mod rows;

pub use faults::{AppendFault, Faults};
pub use log::MemoryLog;
pub use rows::MemoryRows;
