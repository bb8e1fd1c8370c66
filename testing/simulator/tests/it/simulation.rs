//! The simulator itself: the same plan gives the same trace, and its checks can fail.

use std::process::Command;

use earmark_simulator::{
    DiskDefect, FaultKind, FaultSet, Plan, Trace, quiet_expected_panics, run, shrink,
};

/// Twenty seeds: every fourth with all faults, the others with their own.
fn plans() -> impl Iterator<Item = Plan> {
    let everything = earmark_simulator::ALL_FAULTS.iter();
    let everything = everything.fold(FaultSet::NONE, |all, (fault, _)| all.with(*fault));
    (0..20).map(move |seed| {
        let own = FaultSet::of_seed(seed);
        let faults = if seed % 4 == 0 { everything } else { own };
        Plan { steps: 500, ..Plan::with_faults(seed, faults) }
    })
}

#[test]
fn a_seed_gives_the_same_trace_twice() {
    quiet_expected_panics();
    for plan in plans() {
        let once = run(&plan, Trace::hashed()).unwrap();
        assert_eq!(once, run(&plan, Trace::hashed()).unwrap(), "{plan:?}");
    }
}

#[test]
fn a_seed_gives_the_same_trace_in_two_processes() {
    for plan in plans() {
        let traced = || {
            let mut program = Command::new(env!("CARGO_BIN_EXE_earmark-simulator"));
            program.args(plan.arguments().split(' ')).arg("--trace").output().unwrap()
        };
        let once = traced();
        assert!(once.status.success(), "{}", String::from_utf8_lossy(&once.stderr));
        assert!(once.stdout.len() > 10_000);
        assert!(once.stdout == traced().stdout, "{plan:?}");
    }
}

/// One of the first 40 seeds detects a defect with a message that contains `words`; without the
/// defect they all pass.
fn detects(defect: DiskDefect, faults: &[FaultKind], words: &str) {
    quiet_expected_panics();
    let on = faults.iter().fold(FaultSet::NONE, |on, fault| on.with(*fault));
    let mut found = Vec::new();
    for seed in 0..40 {
        let plan = Plan::with_faults(seed, on);
        assert!(run(&plan, Trace::hashed()).is_ok(), "fails without a defect: {plan:?}");
        let broken = Plan { defect: Some(defect), ..plan };
        found.extend(run(&broken, Trace::hashed()).err().map(|violation| violation.what));
        if found.iter().any(|what| what.contains(words)) {
            return;
        }
    }
    panic!("{defect:?} was not detected with {words:?}: {found:#?}");
}

#[test]
fn a_disk_that_answers_before_a_sync_is_detected() {
    detects(DiskDefect::AnswersBeforeSync, &[FaultKind::Crashes], "has lost or changed");
}

#[test]
fn a_commit_that_is_reported_as_failed_but_was_written_is_detected() {
    detects(DiskDefect::FailsAfterWriting, &[], "and recorded CausedEvent");
}

#[test]
fn a_row_lost_by_a_flush_is_detected() {
    detects(DiskDefect::DropsFlushedRow, &[FaultKind::Crashes], "the log says");
}

#[test]
fn views_flushed_ahead_of_the_log_are_detected() {
    detects(DiskDefect::FlushesAhead, &[FaultKind::Crashes], "the log");
}

#[test]
fn a_failing_plan_shrinks_to_the_faults_that_matter() {
    quiet_expected_panics();
    let faults = FaultSet::NONE
        .with(FaultKind::Crashes)
        .with(FaultKind::SlowViews)
        .with(FaultKind::Disconnects)
        .with(FaultKind::ClockJumps);
    let defect = Some(DiskDefect::AnswersBeforeSync);
    let broken = |seed| Plan { seed, faults, steps: 500, defect };
    let failing =
        (0..40).map(broken).find_map(|plan| Some((plan, run(&plan, Trace::hashed()).err()?)));
    let (plan, violation) = failing.unwrap();
    let (small, found) = shrink(&plan, &violation);
    assert!(small.steps <= plan.steps && small.faults.iter().count() <= 1, "{small:?}");
    assert_eq!(run(&small, Trace::hashed()).unwrap_err(), found);
}
