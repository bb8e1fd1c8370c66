//! The stores in memory: the reference behaviour. The caller decides about crashes and faults.
//!
//! **Invariant:** nothing here reads a clock or a random number, so a simulation is reproducible.

mod faults;
mod log;
mod process;
mod rows;

pub use faults::{AppendFault, Faults};
pub use log::MemoryLog;
pub use rows::MemoryRows;
