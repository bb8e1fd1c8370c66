//! Load generator and replay of real orders: the library behind `earmark bench` and
//! `earmark replay`. It measures and counts; the program shows progress and prints reports.

mod clock;
pub mod concurrent;
mod error;
pub mod load;
pub mod orders;
pub mod replay;

pub use error::Error;
