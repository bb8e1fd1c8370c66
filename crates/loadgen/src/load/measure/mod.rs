//! What is measured during a run.

mod lag;
mod process;
mod tally;
mod view_waits;

pub use lag::LagWatch;
pub use process::Process;
pub use tally::{Counted, Latency, Tally};
pub use view_waits::ViewWaits;
