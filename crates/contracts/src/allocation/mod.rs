//! Allocation: stock is promised to order lines, from the warehouse and from what is on its way.

mod batches;
mod events;
mod holds;
mod lines;
mod messages;
mod questions;

pub use batches::*;
pub use events::*;
pub use holds::*;
pub use lines::*;
pub use messages::*;
pub use questions::*;
