//! The simulator itself: it repeats itself byte for byte, and its checks can fail.

use std::process::Command;

use earmark_simulator::{
    Failpoint, FaultKind, FaultSet, Plan, Trace, quiet_expected_panics, run, shrink,
};

/// Twenty seeds: in every fourth everything may go wrong, in the others what they say themselves.
fn plans() -> impl Iterator<Item = Plan> {
    let everything = earmark_simulator::ALL_FAMILIES.iter();
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

/// Some of the first seeds find a lie out, one of them in these words; an honest world holds.
fn finds_out(failpoint: Failpoint, faults: &[FaultKind], words: &str) {
    quiet_expected_panics();
    let on = faults.iter().fold(FaultSet::NONE, |on, fault| on.with(*fault));
    let mut found = Vec::new();
    for seed in 0..40 {
        let plan = Plan::with_faults(seed, on);
        assert!(run(&plan, Trace::hashed()).is_ok(), "an honest world holds: {plan:?}");
        let broken = Plan { failpoint: Some(failpoint), ..plan };
        found.extend(run(&broken, Trace::hashed()).err().map(|violation| violation.what));
        if found.iter().any(|what| what.contains(words)) {
            return;
        }
    }
    panic!("nobody noticed {failpoint:?} in the right way: {found:#?}");
}

#[test]
fn a_disk_that_answers_before_it_has_synced_is_found_out() {
    finds_out(Failpoint::AnswersBeforeSync, &[FaultKind::Crashes], "has lost or changed");
}

#[test]
fn a_commit_that_is_said_to_have_failed_and_did_not_is_found_out() {
    finds_out(Failpoint::FailsAfterWriting, &[], "and did Effect");
}

#[test]
fn a_row_that_was_not_flushed_is_found_out() {
    finds_out(Failpoint::DropsFlushedRow, &[FaultKind::Crashes], "the log says");
}

#[test]
fn views_that_flush_ahead_of_the_log_are_found_out() {
    finds_out(Failpoint::FlushesAhead, &[FaultKind::Crashes], "the log");
}

#[test]
fn a_failing_plan_shrinks_to_the_families_that_matter() {
    quiet_expected_panics();
    let faults = FaultSet::NONE
        .with(FaultKind::Crashes)
        .with(FaultKind::SlowViews)
        .with(FaultKind::Disconnects)
        .with(FaultKind::ClockJumps);
    let failpoint = Some(Failpoint::AnswersBeforeSync);
    let broken = |seed| Plan { seed, faults, steps: 500, failpoint };
    let failing =
        (0..40).map(broken).find_map(|plan| Some((plan, run(&plan, Trace::hashed()).err()?)));
    let (plan, violation) = failing.unwrap();
    let (small, found) = shrink(&plan, &violation);
    assert!(small.steps <= plan.steps && small.faults.iter().count() <= 1, "{small:?}");
    assert_eq!(run(&small, Trace::hashed()).unwrap_err(), found);
}
