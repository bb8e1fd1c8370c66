//! `earmark-simulator`: runs seeds, says which fails, and how to repeat it.

mod arguments;
mod batch;
mod kept_seeds;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use earmark_simulator::{Plan, Trace, Violation, quiet_expected_panics, run, shrink};

use crate::arguments::{Arguments, USAGE};
use crate::batch::run_all;

/// So many seeds, when nobody says how many.
const SEEDS: u64 = 200;
/// A batch of so many seeds must have met every interesting state.
const SEEDS_TO_MEET_ALL: u64 = 200;

fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(why) => {
            eprintln!("{why}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if arguments.is_help {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    quiet_expected_panics();
    let outcome = match arguments.seed {
        Some(seed) => run_one(&arguments.plan(seed), arguments.is_traced),
        None => replay_kept().and_then(|()| run_seeds(&arguments)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(says) => {
            eprintln!("{says}");
            ExitCode::FAILURE
        }
    }
}

fn run_one(plan: &Plan, is_traced: bool) -> Result<(), String> {
    let mut out = std::io::BufWriter::new(std::io::stdout());
    let show = move |line: &str| {
        // Whoever reads it may have seen enough.
        let _ = writeln!(out, "{line}");
    };
    let trace = if is_traced { Trace::shown(show) } else { Trace::hashed() };
    let outcome = run(plan, trace).map_err(|violation| told(plan, &violation))?;
    eprintln!(
        "seed {} holds: {} commands decided, {} events, {} lines of trace, hash {:016x} ({})",
        plan.seed,
        outcome.decided,
        outcome.events,
        outcome.lines,
        outcome.hash,
        plan.families.names()
    );
    Ok(())
}

fn replay_kept() -> Result<(), String> {
    let kept = kept_seeds::all(Path::new(kept_seeds::FOLDER))?;
    for (name, plan) in &kept {
        if let Err(violation) = run(plan, Trace::hashed()) {
            return Err(format!("{name} fails again\n{}", told(plan, &violation)));
        }
    }
    if !kept.is_empty() {
        eprintln!("{} kept seeds hold", kept.len());
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a person waits in real time; no run sees it")]
fn run_seeds(arguments: &Arguments) -> Result<(), String> {
    let count = arguments.seeds.unwrap_or(SEEDS);
    let until = arguments.from.saturating_add(count);
    let plans: Vec<Plan> = (arguments.from..until).map(|seed| arguments.plan(seed)).collect();
    let start = Instant::now();
    let (is_seen, total) = (std::io::stderr().is_terminal(), plans.len());
    let every = if is_seen { total.div_ceil(100).max(1) } else { total.div_ceil(4).max(1) };
    let batch = run_all(&plans, |done| {
        if done % every == 0 || done == total {
            let (end, seconds) = (if is_seen { '\r' } else { '\n' }, start.elapsed().as_secs_f64());
            eprint!("{done} of {total} seeds, {seconds:.1} s{end}");
        }
    });
    if is_seen {
        eprintln!();
    }
    if let Some((plan, violation)) = &batch.failure {
        return Err(told(plan, violation));
    }
    let seconds = start.elapsed().as_secs_f64();
    let (runs, decided, events) = (batch.runs, batch.decided, batch.events);
    eprintln!("{runs} seeds hold: {decided} commands decided, {events} events, {seconds:.1} s");
    for (name, count) in batch.sightings.iter() {
        eprintln!("{count:>9}  {name}");
    }
    let missing = batch.sightings.missing();
    if count >= SEEDS_TO_MEET_ALL && arguments.families.is_none() && !missing.is_empty() {
        return Err(format!("no seed has met {}", missing.join(", ")));
    }
    Ok(())
}

/// What failed, how to repeat it, and what to keep of it.
fn told(plan: &Plan, violation: &Violation) -> String {
    let (small, found) = shrink(plan, violation);
    let (name, text) = kept_seeds::file(&small, &found.what);
    format!(
        "seed {} fails at step {}: {}\n\nrepeat it:  cargo xtask simulate {}\nsmallest:   \
         cargo xtask simulate {} --trace\n            (at step {}: {})\n\nkeep it, once it is \
         mended, as {name}:\n{text}",
        plan.seed,
        violation.step,
        violation.what,
        plan.arguments(),
        small.arguments(),
        found.step,
        found.what
    )
}
