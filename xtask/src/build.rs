//! `cargo xtask build`: the release binary.

use crate::failure::{Failure, no_arguments};
use crate::{ensure, workspace};

pub fn run(arguments: &[String]) -> Result<(), Failure> {
    no_arguments(arguments)?;
    release()
}

/// Builds `earmark` as it is shipped.
pub fn release() -> Result<(), Failure> {
    ensure::debian()?;
    workspace::run(&mut workspace::cargo(&["build", "--release", "--locked", "-p", "earmark"]))
}
