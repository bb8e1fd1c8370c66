//! `cargo xtask test`: everything that CI runs, step by step, up to the first that fails.

use crate::failure::{Failure, only_flag};
use crate::workspace::{self, cargo};
use crate::{build, demo, ensure, flows, messages, sabotage, schemathesis, simulate, tidy};
use std::time::{Duration, Instant};

/// One step: its name in the summary, whether `--quick` keeps it, and what it does.
struct Step {
    name: &'static str,
    is_quick: bool,
    run: fn() -> Result<(), Failure>,
}

const STEPS: [Step; 16] = [
    Step { name: "tools", is_quick: true, run: tools },
    Step { name: "fetch", is_quick: true, run: fetch },
    Step { name: "fmt", is_quick: true, run: fmt },
    Step { name: "tidy", is_quick: true, run: || tidy::run(&[]) },
    Step { name: "clippy", is_quick: true, run: clippy },
    Step { name: "deny", is_quick: true, run: deny },
    Step { name: "tests", is_quick: true, run: tests },
    Step { name: "doctests", is_quick: false, run: doctests },
    Step { name: "docs", is_quick: false, run: docs },
    Step { name: "simulate", is_quick: false, run: simulate::quick_share },
    Step { name: "sabotage", is_quick: false, run: || sabotage::run(&[]) },
    Step { name: "build", is_quick: false, run: build::release },
    Step { name: "messages", is_quick: false, run: messages::check },
    Step { name: "flows", is_quick: false, run: flows::check },
    Step { name: "schemathesis", is_quick: false, run: schemathesis::once },
    Step { name: "demo", is_quick: false, run: demo::once },
];

pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let is_quick = only_flag("--quick", arguments)?;
    let steps: Vec<&Step> = STEPS.iter().filter(|step| step.is_quick || !is_quick).collect();
    walk(&steps)
}

/// Runs the steps in order and ends with the table, also when one of them fails.
fn walk(steps: &[&Step]) -> Result<(), Failure> {
    let mut times = Vec::new();
    for step in steps {
        println!("\n━━ {} ━━", step.name);
        let (outcome, time) = timed(step.run);
        println!("━━ {}: {} ━━", step.name, seconds(time));
        times.push((step.name, time));
        if let Err(failure) = outcome {
            let left: Vec<&str> = steps[times.len()..].iter().map(|step| step.name).collect();
            print!("{}", summary(&times, Some(&left)));
            return Err(Failure { says: format!("{}: {}", step.name, failure.says), ..failure });
        }
    }
    print!("{}", summary(&times, None));
    Ok(())
}

fn tools() -> Result<(), Failure> {
    ensure::tests()?;
    ensure::cargo_tools()
}

/// All sources at once and for every platform, so that no later step needs the network.
fn fetch() -> Result<(), Failure> {
    workspace::run(&mut cargo(&["fetch", "--locked"]))
}

fn fmt() -> Result<(), Failure> {
    workspace::run(&mut cargo(&["fmt", "--all", "--check"]))
}

fn clippy() -> Result<(), Failure> {
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    workspace::run(&mut cargo(&clippy))
}

/// Advisories are left out: they are a download, and change without a change of ours.
fn deny() -> Result<(), Failure> {
    let deny = ["deny", "--offline", "--locked", "--workspace", "check"];
    let quiet = ["--hide-inclusion-graph", "-A", "unused-wrapper"];
    workspace::run(cargo(&deny).args(quiet).args(["bans", "licenses", "sources"]))
}

fn tests() -> Result<(), Failure> {
    let profile = if std::env::var_os("CI").is_some() { "ci" } else { "default" };
    workspace::run(sabotage::nextest().args(["--profile", profile]))
}

fn doctests() -> Result<(), Failure> {
    let doctests = ["test", "--doc", "--workspace", "--locked", "--quiet"];
    workspace::run(cargo(&doctests).args(sabotage::BUILT_IN))
}

fn docs() -> Result<(), Failure> {
    let mut doc = cargo(&["doc", "--no-deps", "--workspace", "--locked"]);
    workspace::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

#[expect(clippy::disallowed_methods, reason = "a person waits for these steps in real time")]
fn timed(run: fn() -> Result<(), Failure>) -> (Result<(), Failure>, Duration) {
    let start = Instant::now();
    (run(), start.elapsed())
}

/// The closing table: each step with its time; `left` names those that a failure kept from running.
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
    use super::{Failure, Step, summary, walk};
    use std::time::Duration;

    #[test]
    fn the_first_step_that_fails_ends_the_walk_with_its_code() {
        let good = Step { name: "good", is_quick: true, run: || Ok(()) };
        let bad = Step {
            name: "bad",
            is_quick: true,
            run: || Err(Failure { says: "it broke".to_owned(), code: 101 }),
        };
        let never = Step { name: "never", is_quick: true, run: || panic!("must not run") };
        let failure = walk(&[&good, &bad, &never]).unwrap_err();
        assert_eq!((failure.says.as_str(), failure.code), ("bad: it broke", 101));
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
