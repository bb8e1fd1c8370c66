//! `cargo xtask simulate`: the simulator, as fast as it gets, with the arguments as they are.

use crate::failure::Failure;
use crate::workspace;

pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let mut cargo = workspace::cargo(&["run", "--release", "--locked", "-p", "earmark-simulator"]);
    workspace::run(cargo.arg("--").args(arguments))
}
