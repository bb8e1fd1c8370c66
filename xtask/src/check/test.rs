//! `cargo xtask test`: everything that CI runs, step by step, until one fails.

use super::{failpoints, schemathesis, simulate};
use crate::build::{demo, release};
use crate::error::{CliError, only_flag};
use crate::pages::{flows, messages};
use crate::workspace::{self, cargo};
use crate::{install, tidy};
use std::time::{Duration, Instant};

/// One step: its name in the summary, when it runs, and what it does.
struct Step {
    name: &'static str,
    runs: Runs,
    run: fn() -> Result<(), CliError>,
}

/// When a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runs {
    Always,
    /// Not with `--quick`.
    Whole,
    /// Where `CI` is set, and not with `--quick`.
    Ci,
}

const STEPS: [Step; 16] = [
    Step { name: "tools", runs: Runs::Always, run: tools },
    Step { name: "fetch", runs: Runs::Always, run: fetch },
    Step { name: "fmt", runs: Runs::Always, run: fmt },
    Step { name: "tidy", runs: Runs::Always, run: || tidy::run(&[]) },
    Step { name: "clippy", runs: Runs::Always, run: clippy },
    Step { name: "deny", runs: Runs::Always, run: deny },
    Step { name: "tests", runs: Runs::Always, run: tests },
    Step { name: "doctests", runs: Runs::Whole, run: doctests },
    Step { name: "docs", runs: Runs::Whole, run: docs },
    Step { name: "simulate", runs: Runs::Whole, run: simulate::quick_share },
    Step { name: "build", runs: Runs::Whole, run: release::build },
    Step { name: "messages", runs: Runs::Whole, run: messages::check },
    Step { name: "flows", runs: Runs::Whole, run: flows::check },
    Step { name: "schemathesis", runs: Runs::Whole, run: schemathesis::once },
    Step { name: "demo", runs: Runs::Whole, run: demo::once },
    Step { name: "failpoints", runs: Runs::Ci, run: failpoints::check_changed },
];

pub fn run(arguments: &[String]) -> Result<(), CliError> {
    let is_quick = only_flag("--quick", arguments)?;
    walk(&steps(is_quick, is_ci()))
}

fn steps(is_quick: bool, is_ci: bool) -> Vec<&'static Step> {
    let is_wanted = |step: &&Step| match step.runs {
        Runs::Always => true,
        Runs::Whole => !is_quick,
        Runs::Ci => is_ci && !is_quick,
    };
    STEPS.iter().filter(is_wanted).collect()
}

fn is_ci() -> bool {
    std::env::var_os("CI").is_some()
}

/// Runs the steps in order and prints the table at the end, also when one of them fails.
fn walk(steps: &[&Step]) -> Result<(), CliError> {
    let mut times = Vec::new();
    for step in steps {
        println!("\n━━ {} ━━", step.name);
        let (outcome, time) = timed(step.run);
        println!("━━ {}: {} ━━", step.name, seconds(time));
        times.push((step.name, time));
        if let Err(failure) = outcome {
            let left: Vec<&str> = steps[times.len()..].iter().map(|step| step.name).collect();
            print!("{}", summary(&times, Some(&left)));
            return Err(CliError {
                message: format!("{}: {}", step.name, failure.message),
                ..failure
            });
        }
    }
    print!("{}", summary(&times, None));
    Ok(())
}

fn tools() -> Result<(), CliError> {
    install::for_tests()?;
    install::cargo_tools()
}

/// Downloads all sources for all platforms, so that no later step needs the network.
fn fetch() -> Result<(), CliError> {
    workspace::run(&mut cargo(&["fetch", "--locked"]))
}

fn fmt() -> Result<(), CliError> {
    workspace::run(&mut cargo(&["fmt", "--all", "--check"]))
}

fn clippy() -> Result<(), CliError> {
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    workspace::run(&mut cargo(&clippy))
}

/// Without advisories: they are a download, and change without a change of ours.
fn deny() -> Result<(), CliError> {
    let deny = ["deny", "--offline", "--locked", "--workspace", "check"];
    let quiet = ["--hide-inclusion-graph", "-A", "unused-wrapper"];
    workspace::run(cargo(&deny).args(quiet).args(["bans", "licenses", "sources"]))
}

fn tests() -> Result<(), CliError> {
    let profile = if is_ci() { "ci" } else { "default" };
    let tests = ["nextest", "run", "--workspace", "--locked", "--profile", profile];
    workspace::run(&mut cargo(&tests))
}

fn doctests() -> Result<(), CliError> {
    workspace::run(&mut cargo(&["test", "--doc", "--workspace", "--locked", "--quiet"]))
}

fn docs() -> Result<(), CliError> {
    let mut doc = cargo(&["doc", "--no-deps", "--workspace", "--locked"]);
    workspace::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

#[expect(clippy::disallowed_methods, reason = "people wait for these steps in real time")]
fn timed(run: fn() -> Result<(), CliError>) -> (Result<(), CliError>, Duration) {
    let start = Instant::now();
    (run(), start.elapsed())
}

/// The table at the end: each step with its time. `left` names the steps after one that failed.
fn summary(times: &[(&str, Duration)], left: Option<&[&str]>) -> String {
    let mut table = String::from("\nstep         result       time\n");
    for (at, (name, time)) in times.iter().enumerate() {
        let is_failed = left.is_some() && at + 1 == times.len();
        let result = if is_failed { "FAILED" } else { "ok" };
        table.push_str(&format!("{name:<12} {result:<7} {:>9}\n", seconds(*time)));
    }
    for name in left.unwrap_or_default() {
        table.push_str(&format!("{name:<12} not run\n"));
    }
    let total: Duration = times.iter().map(|(_, time)| *time).sum();
    table.push_str(&format!("{:<12} {:<7} {:>9}\n", "total", "", seconds(total)));
    let failed = usize::from(left.is_some());
    table.push_str(&format!("steps: {} passed, {failed} failed\n", times.len() - failed));
    table
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::{CliError, Runs, Step, steps, summary, walk};
    use std::time::Duration;

    #[test]
    fn quick_leaves_slow_steps_out_and_ci_adds_its_own() {
        let names = |quick, ci| steps(quick, ci).iter().map(|it| it.name).collect::<Vec<_>>();
        let (whole, in_ci) = (names(false, false), names(false, true));
        assert_eq!(names(true, true), names(true, false));
        assert!(whole.contains(&"demo") && !names(true, false).contains(&"demo"));
        assert_eq!(in_ci[..whole.len()], whole);
        assert_eq!(in_ci[whole.len()..], ["failpoints"]);
    }

    #[test]
    fn the_first_step_that_fails_ends_the_run_with_its_code() {
        let good = Step { name: "good", runs: Runs::Always, run: || Ok(()) };
        let bad = Step {
            name: "bad",
            runs: Runs::Always,
            run: || Err(CliError { message: "it broke".to_owned(), code: 101 }),
        };
        let never = Step { name: "never", runs: Runs::Always, run: || panic!("must not run") };
        let failure = walk(&[&good, &bad, &never]).unwrap_err();
        assert_eq!((failure.message.as_str(), failure.code), ("bad: it broke", 101));
        walk(&[&good, &good]).unwrap();
    }

    #[test]
    fn the_summary_shows_every_step_also_those_not_reached() {
        let times = [("fmt", Duration::from_millis(1_250)), ("tests", Duration::from_secs(120))];
        assert_eq!(
            summary(&times, Some(&["demo"])),
            "\nstep         result       time\n\
             fmt          ok          1.2 s\n\
             tests        FAILED    120.0 s\n\
             demo         not run\n\
             total                  121.2 s\n\
             steps: 1 passed, 1 failed\n"
        );
        assert!(summary(&times, None).ends_with("steps: 2 passed, 0 failed\n"));
    }
}
