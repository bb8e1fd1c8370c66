//! `earmark-simulator`: runs seeds, and reports the first that fails and how to repeat it.

mod arguments;
mod parallel;
mod regressions;

use std::hash::BuildHasher;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use earmark_simulator::{Coverage, Plan, Trace, Violation, quiet_expected_panics, run, shrink};
use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::Arguments;
use crate::parallel::run_all;

/// At least this many seeds together must reach every state of the coverage.
const FULL_COVERAGE_SEEDS: u64 = 200;
/// At least this many seeds together must reach every pair of operations on one order.
const ALL_PAIRS_SEEDS: u64 = 1_000;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    quiet_expected_panics();
    let outcome = match arguments.seed {
        Some(seed) => run_one(&arguments.plan(seed), arguments.is_traced),
        None => run_saved().and_then(|()| run_seeds(&arguments)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run_one(plan: &Plan, is_traced: bool) -> Result<(), String> {
    let mut out = std::io::BufWriter::new(std::io::stdout());
    let print = move |line: &str| {
        // The reader may have closed the pipe.
        let _ = writeln!(out, "{line}");
    };
    let trace = if is_traced { Trace::with_sink(print) } else { Trace::hashed() };
    let outcome = run(plan, trace)
        .map_err(|violation| report(plan, &violation, Some(regressions::folder())))?;
    eprintln!(
        "seed {} passed: {} requests decided, {} events, {} trace lines, hash {:016x} (faults: {})",
        plan.seed,
        outcome.decided,
        outcome.events,
        outcome.lines,
        outcome.hash,
        plan.faults.names()
    );
    Ok(())
}

fn run_saved() -> Result<(), String> {
    let saved = regressions::all(regressions::folder())?;
    for (name, plan) in &saved {
        if let Err(violation) = run(plan, Trace::hashed()) {
            return Err(format!("{name} fails again\n{}", report(plan, &violation, None)));
        }
    }
    if !saved.is_empty() {
        eprintln!("{} saved seeds passed", saved.len());
    }
    Ok(())
}

fn run_seeds(arguments: &Arguments) -> Result<(), String> {
    let (count, mut from) = (arguments.seeds, arguments.from);
    if arguments.fresh {
        from = random_seed();
        eprintln!("{count} seeds from seed {from}");
    }
    let plans: Vec<Plan> =
        (from..from.saturating_add(count)).map(|seed| arguments.plan(seed)).collect();
    let bar = ProgressBar::new(count).with_style(style());
    let summary = run_all(&plans, |done| bar.set_position(done as u64));
    let seconds = bar.elapsed().as_secs_f64();
    bar.finish_and_clear();
    if let Some((plan, violation)) = &summary.failure {
        return Err(report(plan, violation, Some(regressions::folder())));
    }
    let (runs, decided, events) = (summary.runs, summary.decided, summary.events);
    eprintln!("{runs} seeds passed: {decided} requests decided, {events} events, {seconds:.1} s");
    for (name, count) in summary.coverage.iter() {
        eprintln!("{count:>9}  {name}");
    }
    for (name, count) in summary.coverage.pairs() {
        eprintln!("{count:>9}  {name}");
    }
    let mut missing = Vec::new();
    if count >= FULL_COVERAGE_SEEDS {
        missing.extend(Coverage::missing(summary.coverage.iter()));
    }
    if count >= ALL_PAIRS_SEEDS {
        missing.extend(Coverage::missing(summary.coverage.pairs()));
    }
    if arguments.faults.is_none() && !missing.is_empty() {
        return Err(format!("no seed reached: {}", missing.join(", ")));
    }
    Ok(())
}

/// A random seed of at most nine digits, which is easy to type.
#[expect(clippy::disallowed_methods, reason = "only the seed is random")]
fn random_seed() -> u64 {
    std::hash::RandomState::new().hash_one(()) % 1_000_000_000
}

fn style() -> ProgressStyle {
    let template = "{wide_bar} {pos} of {len} seeds, {eta} left";
    ProgressStyle::with_template(template).expect("the template is valid")
}

/// Describes a failure and how to repeat it; saves the smallest failing run if a folder is given.
fn report(plan: &Plan, violation: &Violation, folder: Option<&Path>) -> String {
    let (small, found) = shrink(plan, violation);
    let saved = folder.map(|folder| regressions::save(folder, &small, &found.what));
    let saved = saved.unwrap_or_else(|| Ok("already saved".to_owned()));
    let saved = saved.unwrap_or_else(|error| format!("could not be saved: {error}"));
    format!(
        "seed {} fails at step {}: {}\n\nrepeat:    cargo xtask simulate {}\nsmallest:  \
         cargo xtask simulate {} --trace\n           (at step {}: {})\n\n{saved}",
        plan.seed,
        violation.step,
        violation.what,
        plan.arguments(),
        small.arguments(),
        found.step,
        found.what
    )
}
