//! `cargo xtask simulate`: the simulator, as fast as it gets, with the arguments as they are.

use crate::failure::Failure;
use crate::workspace;

/// How many seeds every run of the tests tries.
const SEEDS_QUICK: &str = "200";

pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let mut cargo = workspace::cargo(&["run", "--release", "--locked", "-p", "earmark-simulator"]);
    workspace::run(cargo.arg("--").args(arguments))
}

/// The share of the simulation that belongs to every run of the tests.
pub fn quick_share() -> Result<(), Failure> {
    run(&["--seeds".to_owned(), SEEDS_QUICK.to_owned()])
}
