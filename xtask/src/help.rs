//! `cargo xtask help`: all tasks by group, each with what it does and an example.

use crate::error::{CliError, no_arguments};
use crate::tasks::TASKS;

/// Where the second column starts.
const COLUMN: usize = 26;

pub fn run(arguments: &[String]) -> Result<(), CliError> {
    no_arguments(arguments)?;
    print!("Usage: cargo xtask COMMAND [ARGUMENTS]\n{}", list());
    println!("\nARGS are passed on unchanged; paths in them are relative to the workspace's root.");
    println!("Exit codes: 0 success, 1 failure or check failed, 2 usage error.");
    Ok(())
}

/// The answer to a command that does not exist.
pub fn unknown(name: &str) -> CliError {
    CliError::usage(format!("there is no command `{name}`\n{}", list()))
}

fn list() -> String {
    let (mut text, mut group) = (String::new(), "");
    for task in &TASKS {
        if task.group != group {
            group = task.group;
            text.push_str(&format!("\n{group}:\n"));
        }
        let call = format!("  {} {}", task.name, task.arguments);
        text.push_str(&format!("{call:<COLUMN$}{}\n", task.does));
        if !task.example.is_empty() {
            text.push_str(&format!("{:COLUMN$}cargo xtask {}\n", "", task.example));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{COLUMN, list};
    use crate::tasks::TASKS;

    #[test]
    fn the_list_has_each_group_once_and_fits_a_terminal() {
        let list = list();
        for task in &TASKS {
            assert_eq!(list.matches(&format!("\n{}:\n", task.group)).count(), 1, "{}", task.group);
            let call = task.name.chars().count() + task.arguments.chars().count() + 3;
            assert!(call < COLUMN, "{}", task.name);
            assert!(task.example.is_empty() || task.example.starts_with(task.name));
        }
        assert!(list.lines().all(|line| line.chars().count() <= 100));
    }
}
