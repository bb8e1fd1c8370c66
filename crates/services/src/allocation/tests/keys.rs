//! Idempotency keys: a retry gives the same answer and has no second effect, also after faults.

use earmark_contracts::allocation::{Allocate, AllocateRefused, BatchRefused, HoldRefused};
use earmark_kernel::{Command, Failure, Idempotency, Meta, NotDone, Reply};
use earmark_stores::memory::{AppendFault, Faults, MemoryLog, MemoryRows};

use super::holds::{confirm, hold, release};
use super::{NOON, World, batch, batch_of, deallocate, line, reference_of, sku};

fn with_key(key: &str) -> Meta {
    Meta { idempotency: Some(Idempotency::of(key, b"the request")), ..Meta::default() }
}

fn keyed<C: Command>(world: &World, command: C) -> Reply<C> {
    world.send_as(command, with_key("key"))
}

#[test]
fn the_same_key_gives_the_same_answer_and_has_no_second_effect() {
    for restart in [None, Some(false), Some(true)] {
        let mut world = World::allocation();
        world.batch("b1", "LAMP", 30, None);
        let first = keyed(&world, line("o1", "LAMP", 10));
        assert!(!first.replayed);
        world.deallocate("o1", "LAMP");
        world.batch("b0", "LAMP", 30, None);
        if let Some(flushed) = restart {
            world = world.restarted(flushed);
        }
        let head = world.head();
        let again = keyed(&world, line("o1", "LAMP", 10));
        assert!(again.replayed);
        assert_eq!(again.ending.unwrap(), first.ending.unwrap());
        assert_eq!(world.head(), head);
        assert!(world.lines("o1").is_empty());
        world.check();
    }
}

#[test]
fn a_refusal_is_kept_under_its_key_too() {
    let world = World::allocation();
    let unknown = NotDone::Refused(AllocateRefused::UnknownSku { sku: sku("LAMP") });
    assert_eq!(keyed(&world, line("o1", "LAMP", 10)).ending, Err(unknown.clone()));
    world.batch("b1", "LAMP", 30, None);
    let again = keyed(&world, line("o1", "LAMP", 10));
    assert!(again.replayed);
    assert_eq!(again.ending, Err(unknown));
    assert_eq!(
        batch_of(&world.allocate("o1", "LAMP", 10)),
        Some("b1"),
        "without a key it is a new command"
    );
}

#[test]
fn a_key_used_for_another_request_is_refused() {
    let world = World::allocation();
    world.batch("b1", "LAMP", 30, None);
    keyed(&world, line("o1", "LAMP", 10)).ending.unwrap();
    let other = Idempotency::of("key", b"another request");
    let meta = Meta { idempotency: Some(other), ..Meta::default() };
    let reused = NotDone::Failed(Failure::KeyReused("key".into()));
    assert_eq!(world.send_as(line("o2", "LAMP", 10), meta.clone()).ending, Err(reused));
    let reused = NotDone::Failed(Failure::KeyReused("key".into()));
    assert_eq!(world.send_as(batch("b2", "LAMP", 1, None), meta).ending, Err(reused));
    assert_eq!(world.totals("b1"), [30, 10, 0, 20]);
}

#[test]
fn a_repeated_release_does_not_release_a_later_line() {
    let world = World::allocation();
    world.batch("b1", "LAMP", 30, None);
    world.allocate("o1", "LAMP", 10);
    keyed(&world, deallocate("o1", "LAMP")).ending.unwrap();
    world.allocate("o1", "LAMP", 20);
    assert!(keyed(&world, deallocate("o1", "LAMP")).replayed);
    assert_eq!(world.batches_of("o1"), ["b1"]);
}

#[test]
fn a_key_is_recognised_within_a_group_commit() {
    let world = World::allocation();
    world.batch("b1", "LAMP", 30, None);
    let twice = vec![(line("o1", "LAMP", 10), with_key("key")); 2];
    let replies = earmark_kernel::runtime::drive(&world.bus, world.bus.send_many(twice));
    assert_eq!([replies[0].replayed, replies[1].replayed], [false, true]);
    let answers: Vec<_> = replies.into_iter().map(|it| it.ending.unwrap()).collect();
    assert_eq!(answers[0], answers[1]);
    assert_eq!(world.totals("b1"), [30, 10, 0, 20]);
}

#[test]
fn a_dry_run_does_not_use_up_its_key() {
    let world = World::allocation();
    world.batch("b1", "LAMP", 30, None);
    let dry_run = Meta { dry_run: true, ..with_key("key") };
    assert!(world.send_as(line("o1", "LAMP", 10), dry_run.clone()).ending.is_ok());
    assert!(world.send_as(hold("o2", &[("LAMP", 10)], 60), dry_run).ending.is_ok());
    let first = keyed(&world, line("o1", "LAMP", 10));
    assert!(!first.replayed);
}

#[test]
fn procedures_replay_their_answer_under_their_key() {
    let world = World::allocation();
    let created = keyed(&world, batch("b1", "LAMP", 30, None));
    assert!(!created.replayed);
    world.allocate("o9", "LAMP", 1);
    let again = keyed(&world, batch("b1", "LAMP", 30, None));
    assert!(again.replayed);
    assert_eq!(again.ending.unwrap(), created.ending.unwrap(), "the answer of the first time");

    let held = world.send_as(hold("o1", &[("LAMP", 10)], 60), with_key("hold"));
    world.send(release("o1")).unwrap();
    let again = world.send_as(hold("o1", &[("LAMP", 10)], 60), with_key("hold"));
    assert!(again.replayed && !held.replayed);
    assert_eq!(again.ending.unwrap(), held.ending.unwrap());
    assert!(world.lines("o1").is_empty());

    let refused = world.send_as(confirm("o1"), with_key("confirm")).ending;
    assert!(matches!(refused, Err(NotDone::Refused(HoldRefused::UnknownHold { .. }))));
    world.send(hold("o1", &[("LAMP", 10)], 60)).unwrap();
    let again = world.send_as(confirm("o1"), with_key("confirm"));
    assert!(again.replayed);
    assert_eq!(again.ending, refused);

    let differs = world.send_as(batch("b1", "LAMP", 31, None), with_key("other")).ending;
    let exists =
        BatchRefused::BatchExists { reference: reference_of("b1"), differs: "quantity".into() };
    assert_eq!(differs, Err(NotDone::Refused(exists)));
    world.check();
}

/// A world whose append number `at` fails; counted from 0, after the creation of two batches.
fn failing_at(at: usize, fault: AppendFault) -> World {
    let faults = Faults::new();
    let log = MemoryLog::with_faults("0190a0b0-0000-7000-8000-000000000000", faults.clone());
    let world = World::allocation_on(log, MemoryRows::new(), NOON);
    world.batch("b1", "LAMP", 10, None);
    world.batch("b2", "VASE", 10, None);
    (0..at).for_each(|_| faults.spare_append());
    faults.next_append(fault);
    world
}

const FAULTS: [AppendFault; 4] =
    [AppendFault::Failed, AppendFault::Full, AppendFault::UnknownLost, AppendFault::UnknownWritten];

/// Retries a command until it is answered or refused, and restarts the process if it has halted.
fn retry<C: Command>(mut world: World, command: C) -> (World, Result<C::Answer, C::Refusal>) {
    for _ in 0..5 {
        match keyed(&world, command.clone()).ending {
            Ok(answer) => return (world, Ok(answer)),
            Err(NotDone::Refused(refusal)) => return (world, Err(refusal)),
            Err(NotDone::Failed(_) | NotDone::Unknown(_)) => {}
        }
        if world.bus.status()[0].halted.is_some() {
            world = world.restarted(false);
        }
    }
    panic!("the command was never answered");
}

#[test]
fn an_interrupted_hold_is_completed_by_a_retry() {
    for fault in FAULTS {
        for at in 0..4 {
            let both = hold("o1", &[("LAMP", 4), ("VASE", 5)], 600);
            let (world, held) = retry(failing_at(at, fault), both.clone());
            assert_eq!(held.unwrap().lines, world.lines("o1"), "{fault:?} at {at}");
            assert_eq!(world.batches_of("o1"), ["b1", "b2"], "{fault:?} at {at}");
            assert_eq!(world.totals("b1"), [10, 4, 4, 6]);
            assert!(keyed(&world, both).replayed);
            world.log.faults().heal();
            assert_eq!(world.send(confirm("o1")).unwrap().lines.len(), 2);
            world.check();
        }
    }
}

#[test]
fn an_interrupted_hold_that_is_refused_leaves_nothing() {
    for fault in FAULTS {
        for at in 0..4 {
            let too_much = hold("o1", &[("LAMP", 4), ("VASE", 11)], 600);
            let (world, refused) = retry(failing_at(at, fault), too_much);
            let refused = refused.unwrap_err();
            assert!(matches!(refused, HoldRefused::OutOfStock { .. }), "{refused:?}");
            assert!(world.lines("o1").is_empty(), "{fault:?} at {at}: {:?}", world.lines("o1"));
            world.check();
        }
    }
}

#[test]
fn a_failed_hold_holds_nothing() {
    let world = failing_at(0, AppendFault::Failed);
    let both = hold("o1", &[("LAMP", 4), ("VASE", 5)], 600);
    let failed = world.send(both.clone());
    assert!(matches!(failed, Err(NotDone::Failed(_))), "{failed:?}");
    assert!(world.lines("o1").is_empty());
    world.send(both).unwrap();
    world.check();
}

#[test]
fn an_interrupted_release_or_confirmation_is_completed_by_a_retry() {
    let both = hold("o1", &[("LAMP", 4), ("VASE", 5)], 600);
    for fault in FAULTS {
        // The hold is one append, and so is each of the others.
        for at in 1..3 {
            let world = failing_at(at, fault);
            world.send(both.clone()).unwrap();
            let (world, released) = retry(world, release("o1"));
            assert_eq!(released.unwrap().lines.len(), 2, "{fault:?} at {at}");
            assert!(world.lines("o1").is_empty(), "{fault:?} at {at}");
            world.check();

            let world = failing_at(at, fault);
            world.send(both.clone()).unwrap();
            let (world, confirmed) = retry(world, confirm("o1"));
            assert_eq!(confirmed.unwrap().lines, world.lines("o1"), "{fault:?} at {at}");
            assert_eq!((world.totals("b1"), world.totals("b2")), ([10, 4, 0, 6], [10, 5, 0, 5]));
            world.check();
        }
    }
}

#[test]
fn a_confirmation_retried_too_late_has_confirmed_nothing() {
    let world = failing_at(1, AppendFault::Failed);
    world.send(hold("o1", &[("LAMP", 4), ("VASE", 5)], 600)).unwrap();
    assert!(matches!(keyed(&world, confirm("o1")).ending, Err(NotDone::Failed(_))));
    world.advance_hours(1);
    let refused = keyed(&world, confirm("o1")).ending;
    let expected = HoldRefused::HoldExpired {
        order_id: super::order_id("o1"),
        expired: vec![super::line_id("LAMP"), super::line_id("VASE")],
        confirmed: vec![],
    };
    assert_eq!(refused, Err(NotDone::Refused(expected)));
}

#[test]
fn ids_that_contain_the_step_separator_are_not_confused() {
    let world = World::allocation();
    for (index, name) in ["c", "b/c"].into_iter().enumerate() {
        world.batch(&format!("b{index}"), name, 10, None);
    }
    let mut both = hold("o1", &[("c", 1), ("b/c", 1)], 600);
    both.lines[0].line_id = Some(super::line_id("a/b"));
    both.lines[1].line_id = Some(super::line_id("a"));
    world.send(both).unwrap();
    let confirmed = keyed(&world, confirm("o1")).ending.unwrap();
    let mut lines = world.lines("o1");
    lines.reverse();
    assert_eq!(confirmed.lines, lines, "in the order of the hold");
    assert!(confirmed.lines.iter().all(|it| it.held_until_ms.is_none()));
}

#[test]
fn an_interrupted_creation_of_a_batch_is_completed_once_by_a_retry() {
    for fault in FAULTS {
        for at in 0..3 {
            let (world, created) = retry(failing_at(at, fault), batch("b3", "LAMP", 7, None));
            assert!(!created.unwrap().existed);
            assert_eq!(world.totals("b3"), [7, 0, 0, 7]);
            world.check();
        }
    }
}

#[test]
fn an_interrupted_command_is_done_once_by_a_retry() {
    for fault in FAULTS {
        let command = Allocate { line_id: None, ..line("o1", "LAMP", 10) };
        let (world, placed) = retry(failing_at(0, fault), command);
        assert!(!placed.unwrap().already_accepted, "{fault:?}");
        assert_eq!(world.totals("b1"), [10, 10, 0, 0]);
        assert_eq!(world.event_names(0).iter().filter(|it| **it == "allocated").count(), 1);
        world.check();
    }
}
