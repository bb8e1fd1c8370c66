//! Contracts of the allocation service, which promises stock to order lines.

mod batches;
mod bindings;
mod events;
mod explanation;
mod goods;
mod holds;
mod lines;
mod messages;
mod queries;

#[cfg(test)]
mod tests;

pub use batches::*;
pub use bindings::BINDINGS;
pub use events::*;
pub use explanation::*;
pub use goods::*;
pub use holds::*;
pub use lines::*;
pub use messages::*;
pub use queries::*;
