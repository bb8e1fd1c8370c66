//! `cargo xtask build`: the release binary.

use crate::error::{CliError, no_arguments};
use crate::{install, workspace};
use std::process::Command;

pub fn run(arguments: &[String]) -> Result<(), CliError> {
    no_arguments(arguments)?;
    build()
}

/// Builds `earmark` for the demo and the checks, and the simulator in the same call: in two calls,
/// what they share would be built twice, with different features. `dist` builds for measurements.
pub fn build() -> Result<(), CliError> {
    install::for_all_tasks()?;
    let mut cargo = workspace::cargo(&["build", "--release", "--locked"]);
    workspace::run(cargo.args(["-p", "earmark", "-p", "earmark-simulator"]))
}

/// A program that [`build`] has built.
pub fn program(name: &str) -> Command {
    Command::new(workspace::target_dir().join("release").join(name))
}
