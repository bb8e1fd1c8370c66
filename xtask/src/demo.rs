//! `cargo xtask demo`: build, then hand over to `earmark demo` with the arguments as they are.

use crate::failure::Failure;
use crate::{build, workspace};
use std::os::unix::process::CommandExt;
use std::process::Command;

pub fn run(arguments: &[String]) -> Result<(), Failure> {
    build::release()?;
    let mut demo = earmark(arguments);
    // The demo takes this process's place, so that Ctrl-C and its exit code are its own.
    let error = demo.exec();
    Err(workspace::cannot_start(&demo, &error))
}

/// The demo of the release binary that stands built, ended as soon as it is through.
pub fn once() -> Result<(), Failure> {
    workspace::run(&mut earmark(&["--exit".to_owned()]))
}

fn earmark(arguments: &[String]) -> Command {
    let mut demo = Command::new(workspace::target_dir().join("release/earmark"));
    demo.arg("demo").args(arguments).current_dir(workspace::root());
    demo
}
