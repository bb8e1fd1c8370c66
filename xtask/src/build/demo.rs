//! `cargo xtask demo`: builds, then becomes `earmark demo` with the given arguments.

use super::release;
use crate::error::CliError;
use crate::workspace;
use std::os::unix::process::CommandExt;
use std::process::Command;

pub fn run(arguments: &[String]) -> Result<(), CliError> {
    release::build()?;
    let mut demo = earmark(arguments);
    // The demo replaces this process, so that Ctrl-C and the exit code are its own.
    let error = demo.exec();
    Err(workspace::cannot_start(&demo, &error))
}

/// The demo of the release binary that is already built; it ends when it is done.
pub fn once() -> Result<(), CliError> {
    workspace::run(&mut earmark(&["--exit".to_owned()]))
}

fn earmark(arguments: &[String]) -> Command {
    let mut demo = release::program("earmark");
    demo.arg("demo").args(arguments).current_dir(workspace::root());
    demo
}
