//! `cargo xtask bench`: Earmark and what it is measured against, side by side, in one run.

use crate::failure::Failure;
use crate::{ensure, workspace};
use std::process::Command;

pub fn run(arguments: &[String]) -> Result<(), Failure> {
    ensure::bench()?;
    let build =
        ["build", "--profile", "dist", "--locked", "-p", "earmark", "-p", "earmark-benches"];
    workspace::run(&mut workspace::cargo(&build))?;
    let mut compare = Command::new(workspace::target_dir().join("dist/earmark-benches"));
    compare.arg("compare").arg("--scratch").arg(workspace::target_dir());
    // It finds the results, and what is committed of them, from the root.
    workspace::run(compare.args(arguments).current_dir(workspace::root()))
}
