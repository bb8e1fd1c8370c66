//! `cargo xtask failpoints`: turns deliberate faults on, one at a time, and checks that the test
//! that should catch each of them fails.

use crate::error::{CliError, no_arguments};
use crate::tidy::{self, File};
use crate::workspace;
use std::collections::BTreeSet;
use std::process::Command;

/// Names the fault that is on; `earmark_kernel::failpoint` reads it.
const VARIABLE: &str = "EARMARK_FAILPOINT";

/// One build with this feature has all faults in it.
const BUILT_IN: [&str; 2] = ["--features", "earmark-kernel/failpoint"];

/// The crates that have the tests: only these are built with faults.
const PACKAGES: [&str; 3] = ["earmark-kernel", "earmark-services", "earmark-simulator"];

/// How the code asks whether a fault is on, up to the name of the fault.
const ASKS: &str = "failpoint::is_on(\"";

/// How far [`check_changed`] looks back from the last commit, by the dates of commits.
const WINDOW_S: u64 = 3 * 60 * 60;

/// A fault, and the test that must fail with it and pass without it.
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
        does: "commits are synced at the next checkpoint only",
        test: "a_power_cut_takes_nothing_that_was_answered",
    },
    Fault {
        name: "views-ahead-of-log",
        does: "views show a group before it is committed",
        test: "a_commit_that_fails_fails_the_whole_group_and_leaves_nothing",
    },
    Fault {
        name: "unknown-as-failed",
        does: "a commit of unknown outcome is reported as failed",
        test: "a_commit_of_unknown_outcome_stops_the_writer_and_the_restart_tells",
    },
    Fault {
        name: "no-once-check",
        does: "an order line that is allocated is allocated again",
        test: "a_line_that_was_placed_stays_where_it_is_when_asked_again",
    },
    Fault {
        name: "hold-after-expiry",
        does: "a hold keeps its units after it expired",
        test: "a_hold_ends_by_the_clock_with_or_without_a_sweep",
    },
    Fault {
        name: "dry-run-keeps",
        does: "a dry run is written to the log",
        test: "a_rehearsal_of_anything_keeps_nothing",
    },
    Fault {
        name: "key-without-body",
        does: "an idempotency key is not bound to its request",
        test: "a_key_used_for_another_request_is_refused",
    },
    Fault {
        name: "refusal-not-kept",
        does: "a refusal is not stored under its idempotency key",
        test: "a_refusal_is_kept_under_its_key_too",
    },
    Fault {
        name: "version-not-bumped",
        does: "a change of a batch does not change its version",
        test: "a_change_is_made_only_to_the_batch_that_was_seen",
    },
    Fault {
        name: "panic-takes-group",
        does: "a handler that panics fails its whole group",
        test: "only_the_command_that_breaks_its_handler_is_lost",
    },
];

pub fn run(arguments: &[String]) -> Result<(), CliError> {
    no_arguments(arguments)?;
    consistent(&tidy::tracked()?)?;
    let all: Vec<&str> = FAULTS.iter().map(|fault| fault.test).collect();
    if !passes(&all, None)? {
        return Err(CliError::new("the tests fail without a fault; run `cargo xtask test` first"));
    }
    let mut missed = Vec::new();
    println!("{:<22} {:<56} caught by", "fault", "what it does");
    for fault in &FAULTS {
        let is_caught = !passes(&[fault.test], Some(fault.name))?;
        let by = if is_caught { fault.test } else { "NO TEST" };
        println!("{:<22} {:<56} {by}", fault.name, fault.does);
        if !is_caught {
            missed.push(fault.name);
        }
    }
    if missed.is_empty() {
        println!("{} faults, all caught", FAULTS.len());
        return Ok(());
    }
    Err(CliError::new(format!("no test catches {}", missed.join(", "))))
}

/// Runs the faults if a file that they depend on has changed lately. For CI, which runs this step
/// after every push: a build with faults takes minutes, and most pushes do not touch these files.
///
/// A file counts if it asks for a fault, has one of the tests, or has `failpoint` in its path. It
/// has changed if a commit of the last [`WINDOW_S`] seconds before `HEAD` touches it; a merge
/// counts with all that it brings. The answer depends on the history alone, not on the clock.
pub fn check_changed() -> Result<(), CliError> {
    let files = tidy::tracked()?;
    consistent(&files)?;
    let changed = changed()?;
    let touched: Vec<&str> =
        guarded(&files).into_iter().filter(|path| changed.contains(*path)).collect();
    if touched.is_empty() {
        println!("skipped: no file that the failpoints depend on has changed");
        return Ok(());
    }
    println!("changed: {}", touched.join(", "));
    run(&[])
}

/// Fails unless the list of faults, the code and the tests name the same things.
fn consistent(files: &[File]) -> Result<(), CliError> {
    let listed: BTreeSet<&str> = FAULTS.iter().map(|fault| fault.name).collect();
    let asked = files.iter().filter(|file| file.is_our_rust()).flat_map(asked);
    let asked: BTreeSet<&str> = asked.collect();
    let unlike: Vec<&str> = listed.symmetric_difference(&asked).copied().collect();
    if !unlike.is_empty() {
        return Err(CliError::new(format!(
            "a fault is either listed and not in the code, or in the code and not listed: {}",
            unlike.join(", ")
        )));
    }
    let is_there = |test: &str| files.iter().any(|file| has_test(file, test));
    match FAULTS.iter().find(|fault| !is_there(fault.test)) {
        Some(fault) => Err(CliError::new(format!("there is no test `{}`", fault.test))),
        None => Ok(()),
    }
}

/// The faults that a file asks for.
fn asked(file: &File) -> impl Iterator<Item = &str> {
    let behind = file.text.split(ASKS).skip(1);
    behind.filter_map(|text| text.split_once('"').map(|(name, _)| name))
}

fn has_test(file: &File, test: &str) -> bool {
    file.is_our_rust() && file.text.contains(&format!("fn {test}("))
}

fn guarded(files: &[File]) -> BTreeSet<&str> {
    let is_guarded = |file: &&File| {
        file.path.contains("failpoint")
            || file.text.contains(ASKS)
            || FAULTS.iter().any(|fault| has_test(file, fault.test))
    };
    files.iter().filter(is_guarded).map(|file| file.path.as_str()).collect()
}

/// The files that the commits within the window have touched.
fn changed() -> Result<BTreeSet<String>, CliError> {
    let git = |arguments: &[&str]| {
        workspace::output(Command::new("git").args(arguments).current_dir(workspace::root()))
    };
    let head = git(&["log", "-1", "--format=%ct"])?;
    let head: u64 = head.trim().parse().map_err(|_| CliError::new("HEAD has no date"))?;
    let since = format!("--since=@{}", head.saturating_sub(WINDOW_S));
    // With `-m` a merge lists what differs from its first parent.
    let log = ["log", &since, "--first-parent", "-m", "--name-only", "--format="];
    Ok(git(&log)?.lines().map(str::to_owned).collect())
}

/// Whether some tests pass, with a fault or without.
fn passes(tests: &[&str], fault: Option<&str>) -> Result<bool, CliError> {
    let mut cargo = workspace::cargo(&["nextest", "run", "--locked"]);
    cargo.args(PACKAGES.iter().flat_map(|package| ["--package", *package]));
    let filter = format!("test(/::({})$/)", tests.join("|"));
    cargo.args(BUILT_IN).args(["--no-tests", "fail", "-E", &filter]);
    match fault {
        Some(name) => cargo.env(VARIABLE, name),
        None => cargo.env_remove(VARIABLE),
    };
    let output = cargo.output().map_err(|error| workspace::cannot_start(&cargo, &error))?;
    match output.status.code() {
        Some(0) => Ok(true),
        // Nextest's code for a test that failed.
        Some(100) => Ok(false),
        _ => Err(CliError::new(String::from_utf8_lossy(&output.stderr).into_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::{ASKS, FAULTS, consistent, guarded};
    use crate::tidy::File;

    fn file(path: &str, text: String) -> File {
        File { path: path.to_owned(), text }
    }

    /// A tree that asks for every fault and has every test.
    fn tree() -> Vec<File> {
        let asks = FAULTS.map(|fault| format!("{ASKS}{}\")", fault.name)).join("\n");
        let tests = FAULTS.map(|fault| format!("fn {}() {{}}", fault.test)).join("\n");
        vec![file("write.rs", asks), file("tests.rs", tests), file("other.rs", String::new())]
    }

    #[test]
    fn files_count_that_ask_for_a_fault_have_its_test_or_its_name() {
        let mut files = tree();
        files.push(file("src/failpoint/mod.rs", String::new()));
        assert_eq!(
            Vec::from_iter(guarded(&files)),
            ["src/failpoint/mod.rs", "tests.rs", "write.rs"]
        );
    }

    #[test]
    fn the_list_the_code_and_the_tests_must_agree() {
        assert!(consistent(&tree()).is_ok());
        let fails = |change: fn(&mut Vec<File>)| {
            let mut files = tree();
            change(&mut files);
            consistent(&files).unwrap_err().message
        };
        let message = fails(|files| files[2].text = format!("{ASKS}new\")"));
        assert!(message.ends_with("not listed: new"), "{message}");
        let message =
            fails(|files| files[0].text = files[0].text.replace("no-sync", "no-once-check"));
        assert!(message.ends_with("not listed: no-sync"), "{message}");
        let message =
            fails(|files| files[1].text = files[1].text.replace("a_power_cut", "another"));
        assert!(message.starts_with("there is no test `a_power_cut_"), "{message}");
    }
}
