//! Simulates the whole system in one thread on virtual time, with faults, from a seed.
//!
//! A run is defined by a [`Plan`]: a seed, the faults that are switched on, and a number of steps.
//! The same plan gives the same trace, byte for byte, in every process.
//!
//! **Invariant:** nothing here reads a clock, spawns a thread or iterates in hash order; all
//! choices are derived from the seed.

mod answer;
mod answer_check;
mod auditor;
mod client;
mod clock;
mod coverage;
mod disk;
mod faults;
mod history;
mod jobs;
mod order_operations;
mod order_pairs;
mod plan;
mod process;
mod quiescence;
mod requests;
mod reservation_model;
mod rng;
mod run;
mod stock_model;
mod subscriber;
mod tally;
mod trace;
mod view_check;
mod workload;
mod world;

pub use coverage::Coverage;
pub use disk::DiskDefect;
pub use faults::{ALL_FAULTS, FaultKind, FaultSet};
pub use plan::Plan;
pub use run::{Outcome, Violation, quiet_expected_panics, run, shrink};
pub use trace::Trace;
