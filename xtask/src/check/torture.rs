//! `cargo xtask torture`: kills and overloads the release build, with the given arguments.

use crate::build::release;
use crate::error::CliError;
use crate::workspace;

pub fn run(arguments: &[String]) -> Result<(), CliError> {
    release::build()?;
    let mut cargo = workspace::cargo(&["run", "--release", "--locked", "-p", "earmark-torture"]);
    workspace::run(cargo.arg("--").args(arguments))
}
