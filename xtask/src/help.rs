//! `cargo xtask help`: what can be asked for.

use crate::TASKS;
use crate::failure::{Failure, no_arguments};

pub fn run(arguments: &[String]) -> Result<(), Failure> {
    no_arguments(arguments)?;
    println!("Usage: cargo xtask COMMAND\n\n{}", list());
    println!("Arguments are handed on as they are; paths in them start at the workspace's root.");
    Ok(())
}

/// The answer to a command that does not exist.
pub fn unknown(name: &str) -> Failure {
    Failure::usage(format!("there is no command `{name}`; there are:\n\n{}", list()))
}

fn list() -> String {
    let mut lines = String::new();
    for task in &TASKS {
        let call = format!("{} {}", task.name, task.arguments);
        lines.push_str(&format!("  {call:<23} {}\n", task.does));
    }
    lines
}
