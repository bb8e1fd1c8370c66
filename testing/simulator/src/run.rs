//! Runs a plan to its end, and shrinks a plan that fails.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::coverage::Coverage;
use crate::plan::Plan;
use crate::tally::HANDLER_PANIC;
use crate::trace::Trace;
use crate::world::World;

/// The result of a run without a violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Hash of the trace.
    pub hash: u64,
    /// Number of lines of the trace.
    pub lines: u64,
    /// Number of requests that were decided.
    pub decided: u64,
    /// Number of events in the logs.
    pub events: u64,
    /// The states that were reached.
    pub coverage: Coverage,
}

/// A check that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The step; equal to the number of steps if it failed after the faults were switched off.
    pub step: u32,
    /// What failed.
    pub what: String,
}

/// Runs a plan to its end.
///
/// # Errors
/// The first check that failed.
pub fn run(plan: &Plan, trace: Trace) -> Result<Outcome, Violation> {
    let mut world = World::new(*plan, trace);
    let mut step = 0;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        while step < plan.steps {
            world.step()?;
            step += 1;
        }
        world.heal()
    }));
    let ended = ended.unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        Err(format!("a panic: {}", text.unwrap_or("without a message")))
    });
    match ended {
        Ok(()) => Ok(Outcome {
            hash: world.trace.digest(),
            lines: world.trace.lines(),
            decided: world.decided(),
            events: world.auditor.events(),
            coverage: world.coverage,
        }),
        Err(what) => {
            world.trace.line(format_args!("violation at step {step}: {what}"));
            Err(Violation { step, what })
        }
    }
}

/// Without a fault the random choices shift, so another seed may be the one that fails. This number
/// of seeds is tried.
const SEEDS_TRIED: u64 = 6;

/// The smallest plan found that still fails: faults are removed, then steps. Its seed may differ.
#[must_use]
pub fn shrink(plan: &Plan, violation: &Violation) -> (Plan, Violation) {
    let mut best = (*plan, violation.clone());
    let steps = plan.steps;
    for fault in plan.faults.iter() {
        let faults = best.0.faults.without(fault);
        let seeds = (0..SEEDS_TRIED).map(|offset| plan.seed.wrapping_add(offset));
        let mut fewer = seeds.map(|seed| Plan { seed, faults, steps, ..*plan });
        best = fewer.find_map(failing).unwrap_or(best);
    }
    // A failure at a step needs no later steps. A failure after the faults were switched off may.
    let mut steps = best.1.step.saturating_add(1).min(best.0.steps);
    while let Some(found) = failing(Plan { steps, ..best.0 }) {
        best = found;
        steps = steps.min(best.1.step) * 3 / 4;
        if steps == 0 {
            break;
        }
    }
    best
}

fn failing(plan: Plan) -> Option<(Plan, Violation)> {
    run(&plan, Trace::hashed()).err().map(|violation| (plan, violation))
}

/// Suppresses the output of injected panics; all other panics are printed as usual.
pub fn quiet_expected_panics() {
    let default_hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        if text != Some(HANDLER_PANIC) {
            default_hook(panic);
        }
    }));
}
