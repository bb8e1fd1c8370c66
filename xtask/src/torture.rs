//! `cargo xtask torture`: the release build under torture, with the arguments as they are.

use crate::failure::Failure;
use crate::{build, workspace};

pub fn run(arguments: &[String]) -> Result<(), Failure> {
    build::release()?;
    let mut cargo = workspace::cargo(&["run", "--release", "--locked", "-p", "earmark-torture"]);
    workspace::run(cargo.arg("--").args(arguments))
}
