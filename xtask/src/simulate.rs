//! `cargo xtask simulate`: the simulator, as fast as it gets, with the arguments as they are.

use crate::failure::Failure;
use crate::{build, workspace};

/// How many fresh seeds `cargo xtask test` tries.
const SEEDS_QUICK: &str = "2000";

pub fn run(arguments: &[String]) -> Result<(), Failure> {
    build::release()?;
    workspace::run(build::program("earmark-simulator").args(arguments))
}

/// The share that `cargo xtask test` runs.
pub fn quick_share() -> Result<(), Failure> {
    run(&["--fresh", "--seeds", SEEDS_QUICK].map(str::to_owned))
}
