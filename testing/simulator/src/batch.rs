//! Many runs, on all cores, with their results in order of the seeds.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use earmark_simulator::{Coverage, Outcome, Plan, Trace, Violation, run};

/// What came of many runs.
#[derive(Default)]
pub struct Batch {
    pub runs: u64,
    pub decided: u64,
    pub events: u64,
    pub coverage: Coverage,
    /// The first in order of the plans that did not hold.
    pub failure: Option<(Plan, Violation)>,
}

/// Runs plans; `progress` is told how many of them are done.
pub fn run_all(plans: &[Plan], progress: impl Fn(usize) + Sync) -> Batch {
    let (next, is_failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let results: Mutex<BTreeMap<usize, Result<Outcome, Violation>>> = Mutex::default();
    let work = || {
        // Those before a failure are all run, so that always the same one is the first.
        while !is_failed.load(Ordering::SeqCst) {
            let place = next.fetch_add(1, Ordering::SeqCst);
            let Some(plan) = plans.get(place) else { return };
            let ended = run(plan, Trace::hashed());
            is_failed.fetch_or(ended.is_err(), Ordering::SeqCst);
            let mut results = results.lock().expect("a run that breaks is caught");
            results.insert(place, ended);
            progress(results.len());
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores.min(plans.len()) {
            scope.spawn(work);
        }
    });
    let mut batch = Batch::default();
    for (place, ended) in results.into_inner().expect("a run that breaks is caught") {
        match ended {
            Ok(outcome) => batch.add(&outcome),
            Err(violation) => {
                batch.failure = Some((plans[place], violation));
                break;
            }
        }
    }
    batch
}

impl Batch {
    fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.decided += outcome.decided;
        self.events += outcome.events;
        self.coverage.add(&outcome.coverage);
    }
}
