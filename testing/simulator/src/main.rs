//! `earmark-simulator`: runs seeds, says which fails, and how to repeat it.

mod arguments;
mod batch;
mod kept_seeds;

use std::hash::BuildHasher;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use earmark_simulator::{Plan, Trace, Violation, quiet_expected_panics, run, shrink};
use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::Arguments;
use crate::batch::run_all;

/// A batch of so many seeds must have met every interesting state.
const SEEDS_TO_MEET_ALL: u64 = 200;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
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
    let outcome =
        run(plan, trace).map_err(|violation| told(plan, &violation, Some(kept_seeds::folder())))?;
    eprintln!(
        "seed {} holds: {} commands decided, {} events, {} lines of trace, hash {:016x} ({})",
        plan.seed,
        outcome.decided,
        outcome.events,
        outcome.lines,
        outcome.hash,
        plan.faults.names()
    );
    Ok(())
}

fn replay_kept() -> Result<(), String> {
    let kept = kept_seeds::all(kept_seeds::folder())?;
    for (name, plan) in &kept {
        if let Err(violation) = run(plan, Trace::hashed()) {
            return Err(format!("{name} fails again\n{}", told(plan, &violation, None)));
        }
    }
    if !kept.is_empty() {
        eprintln!("{} kept seeds hold", kept.len());
    }
    Ok(())
}

fn run_seeds(arguments: &Arguments) -> Result<(), String> {
    let (count, mut from) = (arguments.seeds, arguments.from);
    if arguments.fresh {
        from = unseen();
        eprintln!("{count} seeds from {from}");
    }
    let plans: Vec<Plan> =
        (from..from.saturating_add(count)).map(|seed| arguments.plan(seed)).collect();
    let bar = ProgressBar::new(count).with_style(style());
    let batch = run_all(&plans, |done| bar.set_position(done as u64));
    let seconds = bar.elapsed().as_secs_f64();
    bar.finish_and_clear();
    if let Some((plan, violation)) = &batch.failure {
        return Err(told(plan, violation, Some(kept_seeds::folder())));
    }
    let (runs, decided, events) = (batch.runs, batch.decided, batch.events);
    eprintln!("{runs} seeds hold: {decided} commands decided, {events} events, {seconds:.1} s");
    for (name, count) in batch.coverage.iter() {
        eprintln!("{count:>9}  {name}");
    }
    let missing = batch.coverage.missing();
    if count >= SEEDS_TO_MEET_ALL && arguments.faults.is_none() && !missing.is_empty() {
        return Err(format!("no seed has met {}", missing.join(", ")));
    }
    Ok(())
}

/// A seed that nobody has seen, of so few digits that it can be typed.
#[expect(clippy::disallowed_methods, reason = "chance chooses the seed, and nothing after it")]
fn unseen() -> u64 {
    std::hash::RandomState::new().hash_one(()) % 1_000_000_000
}

fn style() -> ProgressStyle {
    let template = "{wide_bar} {pos} of {len} seeds, {eta} left";
    ProgressStyle::with_template(template).expect("a template that is known")
}

/// What failed and how to repeat it; the smallest run that fails is kept, if a folder is named.
fn told(plan: &Plan, violation: &Violation, folder: Option<&Path>) -> String {
    let (small, found) = shrink(plan, violation);
    let kept = folder.map(|folder| kept_seeds::keep(folder, &small, &found.what));
    let kept = kept.unwrap_or_else(|| Ok("it is kept already".to_owned()));
    let kept = kept.unwrap_or_else(|why| format!("it could not be kept: {why}"));
    format!(
        "seed {} fails at step {}: {}\n\nrepeat it:  cargo xtask simulate {}\nsmallest:   \
         cargo xtask simulate {} --trace\n            (at step {}: {})\n\n{kept}",
        plan.seed,
        violation.step,
        violation.what,
        plan.arguments(),
        small.arguments(),
        found.step,
        found.what
    )
}
