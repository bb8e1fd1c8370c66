//! `cargo xtask simulate`: the simulator, built for release, with the given arguments.

use crate::build::release;
use crate::error::CliError;
use crate::workspace;

/// How many new seeds `cargo xtask test` runs.
const SEEDS_QUICK: &str = "2000";

pub fn run(arguments: &[String]) -> Result<(), CliError> {
    release::build()?;
    workspace::run(release::program("earmark-simulator").args(arguments))
}

/// The part that `cargo xtask test` runs.
pub fn quick_share() -> Result<(), CliError> {
    run(&["--fresh", "--seeds", SEEDS_QUICK].map(str::to_owned))
}
