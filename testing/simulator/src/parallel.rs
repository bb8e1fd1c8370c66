//! Runs many plans on all cores and summarizes the results in the order of the plans.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use earmark_simulator::{Coverage, Outcome, Plan, Trace, Violation, run};

/// The results of many runs.
#[derive(Default)]
pub struct Summary {
    pub runs: u64,
    pub decided: u64,
    pub events: u64,
    pub coverage: Coverage,
    /// The first plan that failed.
    pub failure: Option<(Plan, Violation)>,
}

/// Runs plans; calls `progress` with the number of finished runs.
pub fn run_all(plans: &[Plan], progress: impl Fn(usize) + Sync) -> Summary {
    let (next, is_failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let results: Mutex<BTreeMap<usize, Result<Outcome, Violation>>> = Mutex::default();
    let work = || {
        // All plans before a failure are run, so the first failure is always the same.
        while !is_failed.load(Ordering::SeqCst) {
            let index = next.fetch_add(1, Ordering::SeqCst);
            let Some(plan) = plans.get(index) else { return };
            let ended = run(plan, Trace::hashed());
            is_failed.fetch_or(ended.is_err(), Ordering::SeqCst);
            let mut results = results.lock().expect("panics of a run are caught");
            results.insert(index, ended);
            progress(results.len());
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores.min(plans.len()) {
            scope.spawn(work);
        }
    });
    let mut summary = Summary::default();
    for (index, ended) in results.into_inner().expect("panics of a run are caught") {
        match ended {
            Ok(outcome) => summary.add(&outcome),
            Err(violation) => {
                summary.failure = Some((plans[index], violation));
                break;
            }
        }
    }
    summary
}

impl Summary {
    fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.decided += outcome.decided;
        self.events += outcome.events;
        self.coverage.add(&outcome.coverage);
    }
}
