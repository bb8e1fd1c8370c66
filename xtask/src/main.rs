//! Earmark's own tasks, a file each: `cargo xtask help` lists them.

mod bench;
mod build;
mod demo;
mod dist;
mod ensure;
mod failpoints;
mod failure;
mod flows;
mod help;
mod messages;
mod page;
mod power;
mod rustc;
mod schemathesis;
mod simulate;
mod test;
mod tidy;
mod torture;
mod workspace;

use failure::Failure;
use std::process::ExitCode;

/// One subcommand: how it is called, what it does, and the function that does it.
struct Task {
    name: &'static str,
    arguments: &'static str,
    does: &'static str,
    run: fn(&[String]) -> Result<(), Failure>,
}

const TASKS: [Task; 14] = [
    Task { name: "build", arguments: "", does: "build the release binary", run: build::run },
    Task {
        name: "demo",
        arguments: "[--exit] [ARGS…]",
        does: "build, replay a slice of real orders, verify, leave the server up",
        run: demo::run,
    },
    Task {
        name: "test",
        arguments: "[--quick]",
        does: "all that CI runs; --quick: format, lints, tidy, imports and tests alone",
        run: test::run,
    },
    Task {
        name: "tidy",
        arguments: "",
        does: "check the rules of the house that no compiler knows",
        run: tidy::run,
    },
    Task {
        name: "messages",
        arguments: "[--check]",
        does: "write docs/MESSAGES.md from the code; --check only compares",
        run: messages::run,
    },
    Task {
        name: "flows",
        arguments: "[--check]",
        does: "write docs/FLOWS.md from the code; --check only compares",
        run: flows::run,
    },
    Task {
        name: "schemathesis",
        arguments: "",
        does: "ask a server what its OpenAPI document allows and forbids, then verify",
        run: schemathesis::run,
    },
    Task {
        name: "simulate",
        arguments: "[ARGS…]",
        does: "run the simulator's release build",
        run: simulate::run,
    },
    Task {
        name: "torture",
        arguments: "[ARGS…]",
        does: "kill, stop and overrun the release build under load; all of it takes minutes",
        run: torture::run,
    },
    Task {
        name: "failpoints",
        arguments: "",
        does: "turn deliberate faults on, one at a time, and check that a test catches each",
        run: failpoints::run,
    },
    Task {
        name: "power",
        arguments: "[--images N]",
        does: "cut the power of real SQLite files: open what is left, 3000 images if not said",
        run: power::run,
    },
    Task {
        name: "bench",
        arguments: "[--quick] [ARGS…]",
        does: "measure beside the limits of the machine and what others do; writes a result",
        run: bench::run,
    },
    Task {
        name: "dist",
        arguments: "",
        does: "build what is shipped and measured, guided by a profile; takes a quarter of an hour",
        run: dist::run,
    },
    Task { name: "help", arguments: "", does: "print this list", run: help::run },
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "help".to_owned());
    let rest: Vec<String> = arguments.collect();
    match dispatch(&name, &rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask {name}: {}", failure.says);
            ExitCode::from(failure.code)
        }
    }
}

fn dispatch(name: &str, arguments: &[String]) -> Result<(), Failure> {
    let name = if matches!(name, "--help" | "-h") { "help" } else { name };
    match TASKS.iter().find(|task| task.name == name) {
        Some(task) => (task.run)(arguments),
        None => Err(help::unknown(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::{TASKS, dispatch};

    #[test]
    fn an_unknown_command_is_refused_with_the_list() {
        let failure = dispatch("tidi", &[]).unwrap_err();
        assert_eq!(failure.code, 2);
        assert!(failure.says.contains("`tidi`"), "{}", failure.says);
        for task in &TASKS {
            assert!(failure.says.contains(task.name), "{}", failure.says);
        }
    }

    #[test]
    fn an_argument_nobody_reads_is_refused() {
        for name in ["build", "dist", "tidy", "messages", "flows", "test", "power"] {
            let failure = dispatch(name, &["--nonsense".to_owned()]).unwrap_err();
            assert_eq!(failure.code, 2, "{name}");
            assert!(failure.says.contains("--nonsense"), "{}", failure.says);
        }
    }
}
