//! The whole system in one thread on virtual time, with faults, from a seed.
//!
//! A run is a [`Plan`]: a seed, the kinds of faults that are on, and a number of steps. The same
//! plan gives the same trace, byte for byte, in every process.
//!
//! **Invariant:** nothing here reads a clock, spawns a thread or iterates in hash order; all
//! choices come from the seed.

mod answer;
mod auditor;
mod client;
mod clock;
mod coverage;
mod disk;
mod effects;
mod faults;
mod history;
mod inspection;
mod mirror;
mod process;
mod quiescence;
mod rng;
mod run;
mod stock_model;
mod subscriber;
mod trace;
mod workload;
mod world;

pub use coverage::Coverage;
pub use disk::Failpoint;
pub use faults::{ALL as ALL_FAMILIES, FaultKind, FaultSet};
pub use run::{Outcome, Plan, Violation, quiet_expected_panics, run, shrink};
pub use trace::Trace;
