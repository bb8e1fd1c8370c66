//! The whole system in one thread on virtual time, with faults, from a seed.
//!
//! A run is a [`Plan`]: a seed, the families of faults that are on, and a number of steps. The same
//! plan gives the same trace, byte for byte, in every process.
//!
//! **Invariant:** nothing here reads a clock, spawns a thread or iterates in hash order; all
//! choices come from the seed.

mod answer;
mod books;
mod client;
mod clock;
mod dice;
mod disk;
mod effects;
mod families;
mod healing;
mod inspection;
mod ledger;
mod mirror;
mod process;
mod run;
mod sightings;
mod stock_model;
mod subscriber;
mod trace;
mod wishes;
mod world;

pub use disk::Failpoint;
pub use families::{ALL as ALL_FAMILIES, Families, Family};
pub use run::{Outcome, Plan, Violation, quiet_expected_panics, run, shrink};
pub use sightings::Sightings;
pub use trace::Trace;
