//! Replay: real order lines in order of time, with supply derived from a seed.

mod chunks;
mod figures;
mod pipeline;
mod report;
mod resume;
mod run;
mod session;
mod stocktaking;
mod supply;

pub use figures::Figures;
pub use report::{Report, Times};
pub use session::{Replay, replay};
