//! Load on a running server: every response is checked, and latency is measured as a client sees
//! it.

mod client;
mod measure;
mod order_ids;
mod pace;
mod plan;
mod prepare;
mod report;
mod run;
mod session;
mod skus;
mod storm;
#[cfg(test)]
mod tests;

pub use measure::{Latency, ViewWaits};
pub use order_ids::OrderIds;
pub use plan::{Plan, Target, Workload};
pub use report::Report;
pub use session::{fill, measure, prepare};
