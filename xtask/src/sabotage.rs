//! `cargo xtask sabotage`: builds deliberate faults in, one at a time, and sees that the test
//! that is meant to catch each does catch it.

use crate::failure::{Failure, no_arguments};
use crate::workspace;
use std::process::Command;

/// What a fault build is called in the environment; `earmark_kernel::failpoint` reads it.
const VARIABLE: &str = "EARMARK_FAILPOINT";

/// With this the tests are built, so that one build does for all of them.
pub const BUILT_IN: [&str; 2] = ["--features", "earmark-kernel/failpoint"];

/// A fault, and the test that must fail with it and pass without.
struct Fault {
    name: &'static str,
    does: &'static str,
    test: &'static str,
}

const FAULTS: [Fault; 12] = [
    Fault {
        name: "answer-before-commit",
        does: "answers are given before the group is committed",
        test: "a_commit_that_fails_fails_the_whole_group_and_leaves_nothing",
    },
    Fault {
        name: "no-sync",
        does: "commits are not synced",
        test: "a_power_cut_takes_nothing_that_was_answered",
    },
    Fault {
        name: "synchronous-normal",
        does: "commits wait for the next checkpoint to be synced",
        test: "a_power_cut_takes_nothing_that_was_answered",
    },
    Fault {
        name: "views-ahead-of-log",
        does: "views show a group before it is committed",
        test: "a_commit_that_fails_fails_the_whole_group_and_leaves_nothing",
    },
    Fault {
        name: "unknown-as-failed",
        does: "a commit of unknown outcome is told as one that failed",
        test: "a_commit_of_unknown_outcome_stops_the_writer_and_the_restart_tells",
    },
    Fault {
        name: "no-once-check",
        does: "a line that was placed is placed again",
        test: "a_line_that_was_placed_stays_where_it_is_when_asked_again",
    },
    Fault {
        name: "hold-after-expiry",
        does: "a hold keeps its units after its time",
        test: "a_hold_ends_by_the_clock_with_or_without_a_sweep",
    },
    Fault {
        name: "dry-run-keeps",
        does: "a dry run is kept",
        test: "a_rehearsal_of_anything_keeps_nothing",
    },
    Fault {
        name: "key-without-body",
        does: "an idempotency key is not bound to its request",
        test: "a_key_used_for_another_request_is_refused",
    },
    Fault {
        name: "refusal-not-kept",
        does: "a refusal is not kept under its key",
        test: "a_refusal_is_kept_under_its_key_too",
    },
    Fault {
        name: "version-not-bumped",
        does: "a change of a batch keeps its version",
        test: "a_change_is_made_only_to_the_batch_that_was_seen",
    },
    Fault {
        name: "panic-takes-group",
        does: "a handler that panics takes its whole group along",
        test: "only_the_command_that_breaks_its_handler_is_lost",
    },
];

pub fn run(arguments: &[String]) -> Result<(), Failure> {
    no_arguments(arguments)?;
    let all: Vec<&str> = FAULTS.iter().map(|fault| fault.test).collect();
    if !passes(&all, None)? {
        return Err(Failure::new("the tests fail without any fault: `cargo xtask test` says more"));
    }
    let mut missed = Vec::new();
    println!("{:<22} {:<56} caught by", "fault", "what it does");
    for fault in &FAULTS {
        let is_caught = !passes(&[fault.test], Some(fault.name))?;
        let by = if is_caught { fault.test } else { "NOBODY" };
        println!("{:<22} {:<56} {by}", fault.name, fault.does);
        if !is_caught {
            missed.push(fault.name);
        }
    }
    if missed.is_empty() {
        println!("{} faults, all caught", FAULTS.len());
        return Ok(());
    }
    Err(Failure::new(format!("no test catches {}", missed.join(", "))))
}

/// All tests, as they are always built: each fault is in, and waits to be named.
pub fn nextest() -> Command {
    let mut cargo = workspace::cargo(&["nextest", "run", "--workspace", "--locked"]);
    cargo.args(BUILT_IN).env_remove(VARIABLE);
    cargo
}

/// Whether some tests pass, with a fault or without.
fn passes(tests: &[&str], sabotage: Option<&str>) -> Result<bool, Failure> {
    let mut cargo = nextest();
    let filter = format!("test(/::({})$/)", tests.join("|"));
    cargo.args(["--no-tests", "fail", "-E", &filter]);
    if let Some(name) = sabotage {
        cargo.env(VARIABLE, name);
    }
    let output = cargo.output().map_err(|error| Failure::new(format!("cargo: {error}")))?;
    match output.status.code() {
        Some(0) => Ok(true),
        // What nextest says when a test has failed.
        Some(100) => Ok(false),
        _ => Err(Failure::new(String::from_utf8_lossy(&output.stderr).into_owned())),
    }
}
