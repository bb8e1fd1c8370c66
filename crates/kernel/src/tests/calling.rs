//! Calls to a provider: each operation has one effect there, whatever fails, stops or comes late.

use std::pin::pin;

use super::charging::{Begin, GetCharge, NotExpected, request, till};
use super::disk::{AppendOutcome, Disk};
use super::provider::{Behaviour, Provider};
use super::world::{World, poll};
use crate::bus::runtime::drive;
use crate::exchange::effects::EffectWorker;
use crate::model::limits::Limits;
use crate::model::operation::ATTEMPT_WAIT_MS;
use crate::model::outcome::NotDone;

/// Longer than every wait between two attempts.
const LONG_MS: i64 = 100_000;

fn world(provider: &Provider) -> World {
    World::new(vec![till(provider)])
}

/// Two nodes that share a log.
fn nodes(provider: &Provider) -> (World, World) {
    let a = World::on(vec![till(provider)], vec![Disk::shared()], Limits::default());
    let b = a.beside(vec![till(provider)]);
    (a, b)
}

fn worker(world: &World) -> EffectWorker {
    world.bus.effect_workers().remove(0)
}

fn run_due(world: &World, worker: &mut EffectWorker) -> usize {
    drive(&world.bus, worker.run_due()).unwrap()
}

fn end(world: &World, id: &str) -> Option<Result<String, String>> {
    world.bus.ask(GetCharge(id.into())).unwrap().end
}

fn receipt(number: u32) -> Option<Result<String, String>> {
    Some(Ok(format!("receipt {number} for 500")))
}

fn attempts(of: &[u32]) -> Vec<(String, u32)> {
    of.iter().map(|attempt| ("x".to_owned(), *attempt)).collect()
}

#[test]
fn a_due_operation_is_called_once_and_its_answer_is_recorded() {
    let provider = Provider::new();
    let world = world(&provider);
    let mut worker = worker(&world);
    assert_eq!((worker.service(), worker.effect(), worker.partition()), ("till", "charge", 0));
    assert_eq!(run_due(&world, &mut worker), 0);
    world.send(request("x")).unwrap();
    assert_eq!(run_due(&world, &mut worker), 1);
    assert_eq!(end(&world, "x"), receipt(1));
    world.pass_ms(LONG_MS);
    assert_eq!(run_due(&world, &mut worker), 0);
    assert_eq!(provider.calls(), attempts(&[1]));
    let records = world.disk(0).records();
    assert!(records.iter().skip(1).all(|it| it.events.contains(r#""correlation":"x""#)));
    world.bus.verify("till", |_, _| {}).unwrap();
}

#[test]
fn an_attempt_is_committed_before_the_call_and_only_as_the_next() {
    let provider = Provider::new();
    let world = world(&provider);
    let mut worker = worker(&world);
    provider.will([Behaviour::AnswersLate]);
    world.send(request("x")).unwrap();
    let mut run = pin!(worker.run_due());
    assert!(poll(run.as_mut()).is_pending());
    assert_eq!(provider.calls(), [], "the attempt is not committed yet");
    assert!(world.bus.step());
    assert!(poll(run.as_mut()).is_pending());
    assert_eq!(provider.calls(), attempts(&[1]));
    for attempt in [0, 1, 3] {
        let refused = world.send(Begin { id: "x".into(), attempt });
        assert_eq!(refused, Err(NotDone::Refused(NotExpected(attempt))));
    }
}

#[test]
fn a_call_with_an_unknown_outcome_is_repeated_with_the_same_id() {
    for (script, effects) in [
        (vec![Behaviour::LosesAnswer], 1),
        (vec![Behaviour::TimesOut, Behaviour::LosesAnswer, Behaviour::LosesAnswer], 0),
        (vec![Behaviour::Fails, Behaviour::TimesOut], 0),
    ] {
        let provider = Provider::new();
        let world = world(&provider);
        let mut worker = worker(&world);
        let repeats = script.len();
        provider.will(script);
        world.send(request("x")).unwrap();
        assert_eq!(run_due(&world, &mut worker), 1);
        assert_eq!((provider.effects(), end(&world, "x")), (effects, None));
        assert_eq!(run_due(&world, &mut worker), 0, "it waits");
        for _ in 0..repeats {
            world.pass_ms(LONG_MS);
            assert_eq!(run_due(&world, &mut worker), 1);
        }
        assert_eq!((provider.effects(), end(&world, "x")), (1, receipt(1)));
        assert_eq!(provider.calls(), attempts(&[1, 2, 3, 4][..=repeats]));
    }
}

#[test]
fn a_call_that_is_refused_for_good_is_not_repeated() {
    let provider = Provider::new();
    let world = world(&provider);
    let mut worker = worker(&world);
    provider.will([Behaviour::Refuses]);
    world.send(request("x")).unwrap();
    assert_eq!(run_due(&world, &mut worker), 1);
    assert_eq!(end(&world, "x"), Some(Err("no funds".into())));
    world.pass_ms(LONG_MS);
    assert_eq!(run_due(&world, &mut worker), 0);
    assert_eq!(provider.effects(), 0);
}

#[test]
fn only_the_holder_of_the_lease_runs_operations() {
    let provider = Provider::new();
    let (a, b) = nodes(&provider);
    let (mut worker_a, mut worker_b) = (worker(&a), worker(&b));
    assert_eq!(run_due(&a, &mut worker_a), 0);
    a.send(request("x")).unwrap();
    assert_eq!(run_due(&b, &mut worker_b), 0, "the other worker holds the lease");
    assert_eq!(provider.calls(), []);
    assert_eq!(run_due(&a, &mut worker_a), 1);
    assert_eq!(provider.calls(), attempts(&[1]));
    assert_eq!(end(&b, "x"), receipt(1));
}

#[test]
fn two_workers_that_both_take_an_operation_make_one_call() {
    let provider = Provider::new();
    let (a, b) = nodes(&provider);
    let (mut worker_a, mut worker_b) = (worker(&a), worker(&b));
    a.send(request("x")).unwrap();
    let mut run_a = pin!(worker_a.run_due());
    assert!(poll(run_a.as_mut()).is_pending(), "it has read that no attempt was begun");
    a.disk(0).expire_leases();
    assert_eq!(run_due(&b, &mut worker_b), 1);
    assert_eq!(drive(&a.bus, run_a), Ok(1));
    assert_eq!(provider.calls(), attempts(&[1]));
    assert_eq!((end(&a, "x"), end(&b, "x")), (receipt(1), receipt(1)));
}

#[test]
fn a_new_worker_leaves_an_attempt_alone_until_the_old_lease_has_run_out() {
    let provider = Provider::new();
    let (a, b) = nodes(&provider);
    let (mut worker_a, mut worker_b) = (worker(&a), worker(&b));
    provider.will([Behaviour::FailsLate]);
    a.send(request("x")).unwrap();
    assert!(a.advance(pin!(worker_a.run_due())).is_pending());
    drop(worker_a);
    a.disk(0).expire_leases();
    assert_eq!(run_due(&b, &mut worker_b), 0);
    b.pass_ms(ATTEMPT_WAIT_MS - 1);
    assert_eq!(run_due(&b, &mut worker_b), 0);
    assert_eq!(provider.calls(), attempts(&[1]));
    b.pass_ms(1);
    assert_eq!(run_due(&b, &mut worker_b), 1);
    assert_eq!(provider.calls(), attempts(&[1, 2]));
    assert_eq!(end(&b, "x"), receipt(1));
}

#[test]
fn the_late_answer_of_a_paused_worker_changes_nothing() {
    let provider = Provider::new();
    let (a, b) = nodes(&provider);
    let (mut worker_a, mut worker_b) = (worker(&a), worker(&b));
    provider.will([Behaviour::AnswersLate]);
    a.send(request("x")).unwrap();
    let mut run_a = pin!(worker_a.run_due());
    assert!(a.advance(run_a.as_mut()).is_pending());
    // The worker is not polled for a while, and its lease runs out.
    a.disk(0).expire_leases();
    a.pass_ms(ATTEMPT_WAIT_MS);
    assert_eq!(run_due(&b, &mut worker_b), 1);
    assert_eq!((provider.effects(), end(&b, "x")), (1, receipt(1)));
    let before = a.disk(0).records();
    provider.release(1);
    assert_eq!(drive(&a.bus, run_a), Ok(1));
    assert_eq!(a.disk(0).records(), before);
    assert_eq!((provider.effects(), end(&a, "x")), (1, receipt(1)));
    assert_eq!(provider.calls(), attempts(&[1, 2]));
}

#[test]
fn a_late_failure_does_not_end_the_attempt_of_another_worker() {
    let provider = Provider::new();
    let (a, b) = nodes(&provider);
    let (mut worker_a, mut worker_b) = (worker(&a), worker(&b));
    provider.will([Behaviour::FailsLate, Behaviour::AnswersLate]);
    a.send(request("x")).unwrap();
    let mut run_a = pin!(worker_a.run_due());
    assert!(a.advance(run_a.as_mut()).is_pending());
    a.disk(0).expire_leases();
    a.pass_ms(ATTEMPT_WAIT_MS);
    let mut run_b = pin!(worker_b.run_due());
    assert!(b.advance(run_b.as_mut()).is_pending());
    assert_eq!(provider.calls(), attempts(&[1, 2]));
    let before = a.disk(0).records();
    // Calls are released in the order in which they arrived.
    provider.release(1);
    assert_eq!(drive(&a.bus, run_a), Ok(1));
    assert_eq!(a.disk(0).records(), before, "the second attempt is still under way");
    a.pass_ms(ATTEMPT_WAIT_MS - 1);
    assert_eq!(run_due(&a, &mut worker(&a)), 0, "nobody begins a third");
    provider.release(1);
    assert_eq!(drive(&b.bus, run_b), Ok(1));
    assert_eq!((provider.effects(), end(&a, "x")), (1, receipt(1)));
}

#[test]
fn a_crash_at_any_moment_leaves_one_effect() {
    // The number of commits before the crash, whether the worker went on after the last of them,
    // and the effects at the time of the crash.
    for (commits, goes_on, effects) in
        [(0, false, 0), (0, true, 0), (1, false, 0), (1, true, 1), (2, false, 1)]
    {
        let provider = Provider::new();
        let world = world(&provider);
        let mut first = worker(&world);
        world.send(request("x")).unwrap();
        let mut run = Box::pin(first.run_due());
        for _ in 0..commits {
            assert!(poll(run.as_mut()).is_pending());
            assert!(world.bus.step());
        }
        assert!(!goes_on || poll(run.as_mut()).is_pending());
        drop(run);
        let at_crash = (provider.effects(), end(&world, "x").is_some());
        assert_eq!(at_crash, (effects, commits == 2));
        let world = world.restarted(vec![till(&provider)]);
        let mut second = worker(&world);
        for _ in 0..3 {
            run_due(&world, &mut second);
            world.pass_ms(ATTEMPT_WAIT_MS);
        }
        let after = (provider.effects(), end(&world, "x"));
        assert_eq!(after, (1, receipt(1)), "{commits} commits, {goes_on}");
    }
}

#[test]
fn each_operation_has_one_effect_wherever_a_commit_fails() {
    for outcome in [
        AppendOutcome::Failed,
        AppendOutcome::Unknown { written: true },
        AppendOutcome::Unknown { written: false },
    ] {
        // The attempts of three operations are one group, their answers are another.
        for at in 0..3 {
            let provider = Provider::new();
            let mut world = world(&provider);
            ["x", "y", "z"].iter().for_each(|id| world.send(request(*id)).unwrap());
            world.disk(0).set_outcome_after(at, outcome);
            let mut first = worker(&world);
            assert_eq!(run_due(&world, &mut first), 3);
            assert_eq!(end(&world, "z").is_some(), at == 2, "{outcome:?} at {at}");
            if world.halted() {
                world = world.restarted(vec![till(&provider)]);
                first = worker(&world);
            }
            for _ in 0..2 {
                world.pass_ms(ATTEMPT_WAIT_MS);
                run_due(&world, &mut first);
            }
            let ends = ["x", "y", "z"].map(|id| end(&world, id).is_some());
            assert_eq!((provider.effects(), ends), (3, [true; 3]), "{outcome:?} at {at}");
            world.bus.verify("till", |_, _| {}).unwrap();
        }
    }
}
