//! One run from its plan to its end, and a smaller plan that fails in the same way.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::coverage::Coverage;
use crate::disk::Failpoint;
use crate::faults::{FaultKind, FaultSet};
use crate::mirror::FUSE_BLEW;
use crate::trace::Trace;
use crate::world::World;

/// Steps of a run that nobody has said otherwise about.
const STEPS: u32 = 700;
/// A run on a hot SKU takes so many times as long: its stock should grow.
const HOT_TIMES: u32 = 2;

/// What a run is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// All choices come from it.
    pub seed: u64,
    /// What may go wrong.
    pub faults: FaultSet,
    /// So many steps before the world heals.
    pub steps: u32,
    /// How the disks lie, to prove that the checks can fail.
    pub failpoint: Option<Failpoint>,
}

impl Plan {
    /// The run that a seed stands for.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        Self::with_faults(seed, FaultSet::of_seed(seed))
    }

    /// The run of a seed with other faults than its own.
    #[must_use]
    pub fn with_faults(seed: u64, faults: FaultSet) -> Self {
        let times = if faults.has(FaultKind::HotSku) { HOT_TIMES } else { 1 };
        Self { seed, faults, steps: STEPS * times, failpoint: None }
    }

    /// The arguments that repeat this run.
    #[must_use]
    pub fn arguments(&self) -> String {
        let mut arguments = format!("--seed {}", self.seed);
        if self.faults != FaultSet::of_seed(self.seed) {
            arguments += &format!(" --faults {}", self.faults.names());
        }
        if self.steps != Self::with_faults(self.seed, self.faults).steps {
            arguments += &format!(" --steps {}", self.steps);
        }
        arguments
    }
}

/// What came of a run in which everything held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The hash of the trace.
    pub hash: u64,
    /// Lines of the trace.
    pub lines: u64,
    /// Commands that got an answer.
    pub decided: u64,
    /// Events in the logs.
    pub events: u64,
    /// What was met.
    pub coverage: Coverage,
}

/// Something did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// At which step; the number of steps when it was found after the world healed.
    pub step: u32,
    /// What.
    pub what: String,
}

/// Runs a plan to its end.
///
/// # Errors
/// The first thing that did not hold.
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
        Err(format!("it broke: {}", text.unwrap_or("without a word")))
    });
    match ended {
        Ok(()) => Ok(Outcome {
            hash: world.trace.digest(),
            lines: world.trace.lines(),
            decided: world.decided(),
            events: world.auditor.events(),
            coverage: world.saw,
        }),
        Err(what) => {
            world.trace.line(format_args!("violation at step {step}: {what}"));
            Err(Violation { step, what })
        }
    }
}

/// Other choices may fail as well where a fault less shifts them: so many seeds are tried.
const SEEDS_TRIED: u64 = 6;

/// The smallest plan found that still fails: faults are left out, then steps. It may have another
/// seed.
#[must_use]
pub fn shrink(plan: &Plan, violation: &Violation) -> (Plan, Violation) {
    let mut best = (*plan, violation.clone());
    let steps = plan.steps;
    for fault in plan.faults.iter() {
        let faults = best.0.faults.without(fault);
        let seeds = (0..SEEDS_TRIED).map(|more| plan.seed.wrapping_add(more));
        let mut fewer = seeds.map(|seed| Plan { seed, faults, steps, ..*plan });
        best = fewer.find_map(failing).unwrap_or(best);
    }
    // What failed at a step fails without those after it; what failed after quiescence may not.
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

/// Keeps the panics that a run means to cause from being printed; all others are printed as ever.
pub fn quiet_expected_panics() {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        if text != Some(FUSE_BLEW) {
            loud(panic);
        }
    }));
}
