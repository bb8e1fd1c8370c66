//! Earmark's own tasks, a file each: `cargo xtask help` lists them.

mod build;
mod check;
mod error;
mod help;
mod install;
mod pages;
mod tasks;
mod tidy;
mod workspace;

use error::CliError;
use std::process::ExitCode;
use tasks::TASKS;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "help".to_owned());
    let rest: Vec<String> = arguments.collect();
    match dispatch(&name, &rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask {name}: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

fn dispatch(name: &str, arguments: &[String]) -> Result<(), CliError> {
    if matches!(name, "help" | "--help" | "-h") {
        return help::run(arguments);
    }
    match TASKS.iter().find(|task| task.name == name) {
        Some(task) => (task.run)(arguments),
        None => Err(help::unknown(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::{TASKS, dispatch};

    #[test]
    fn an_unknown_command_is_a_usage_error_that_lists_the_commands() {
        let failure = dispatch("tidi", &[]).unwrap_err();
        assert_eq!(failure.code, 2);
        assert!(failure.message.contains("`tidi`"), "{}", failure.message);
        for task in &TASKS {
            assert!(failure.message.contains(task.name), "{}", failure.message);
        }
    }

    #[test]
    fn an_argument_that_a_task_does_not_know_is_a_usage_error() {
        let all_known =
            ["help", "build", "dist", "tidy", "messages", "flows", "test", "failpoints", "power"];
        for name in all_known {
            let failure = dispatch(name, &["--nonsense".to_owned()]).unwrap_err();
            assert_eq!(failure.code, 2, "{name}");
            assert!(failure.message.contains("--nonsense"), "{}", failure.message);
        }
    }
}
