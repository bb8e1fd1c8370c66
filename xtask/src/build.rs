//! `cargo xtask build`: the release binary.

use crate::failure::{Failure, no_arguments};
use crate::{ensure, workspace};
use std::process::Command;

pub fn run(arguments: &[String]) -> Result<(), Failure> {
    no_arguments(arguments)?;
    release()
}

/// Builds `earmark` for the demo and the checks, and the simulator with it: built alone, each would
/// have what both are made of built in another way. What is measured is built by `dist`.
pub fn release() -> Result<(), Failure> {
    ensure::debian()?;
    let mut cargo = workspace::cargo(&["build", "--release", "--locked"]);
    workspace::run(cargo.args(["-p", "earmark", "-p", "earmark-simulator"]))
}

/// A program that [`release`] has built.
pub fn program(name: &str) -> Command {
    Command::new(workspace::target_dir().join("release").join(name))
}
