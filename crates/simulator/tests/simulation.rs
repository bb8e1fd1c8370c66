//! The simulator itself: it repeats itself byte for byte, and its checks can fail.

use std::process::Command;

use earmark_simulator::{
    Failpoint, Families, Family, Plan, Trace, quiet_expected_panics, run, shrink,
};

/// Twenty seeds: in every fourth everything may go wrong, in the others what they say themselves.
fn plans() -> impl Iterator<Item = Plan> {
    let everything = earmark_simulator::ALL_FAMILIES.iter();
    let everything = everything.fold(Families::NONE, |all, (family, _)| all.with(*family));
    (0..20).map(move |seed| {
        let own = Families::of_seed(seed);
        let families = if seed % 4 == 0 { everything } else { own };
        Plan { steps: 500, ..Plan::with_families(seed, families) }
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
fn finds_out(failpoint: Failpoint, families: &[Family], words: &str) {
    quiet_expected_panics();
    let on = families.iter().fold(Families::NONE, |on, family| on.with(*family));
    let mut found = Vec::new();
    for seed in 0..40 {
        let plan = Plan::with_families(seed, on);
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
    finds_out(Failpoint::AnswersBeforeSync, &[Family::Crashes], "has lost or changed");
}

#[test]
fn a_commit_that_is_said_to_have_failed_and_did_not_is_found_out() {
    finds_out(Failpoint::FailsAfterWriting, &[], "and did Effect");
}

#[test]
fn a_row_that_was_not_flushed_is_found_out() {
    finds_out(Failpoint::DropsFlushedRow, &[Family::Crashes], "the log says");
}

#[test]
fn views_that_flush_ahead_of_the_log_are_found_out() {
    finds_out(Failpoint::FlushesAhead, &[Family::Crashes], "the log");
}

#[test]
fn a_failing_plan_shrinks_to_the_families_that_matter() {
    quiet_expected_panics();
    let families = Families::NONE
        .with(Family::Crashes)
        .with(Family::SlowViews)
        .with(Family::Disconnects)
        .with(Family::ClockJumps);
    let failpoint = Some(Failpoint::AnswersBeforeSync);
    let broken = |seed| Plan { seed, families, steps: 500, failpoint };
    let failing =
        (0..40).map(broken).find_map(|plan| Some((plan, run(&plan, Trace::hashed()).err()?)));
    let (plan, violation) = failing.unwrap();
    let (small, found) = shrink(&plan, &violation);
    assert!(small.steps <= plan.steps && small.families.iter().count() <= 1, "{small:?}");
    assert_eq!(run(&small, Trace::hashed()).unwrap_err(), found);
}
