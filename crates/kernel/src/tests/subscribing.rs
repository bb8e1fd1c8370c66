//! A service subscribes to another: each event has its effect exactly once, whatever fails.

use super::disk::AppendOutcome;
use super::echo::{AllNoted, echo};
use super::tally::{add, plain};
use super::world::World;
use crate::bus::runtime::drive;
use crate::model::kernel_event::Parked;
use crate::model::outcome::Failure;
use crate::table::service::Service;

fn services() -> Vec<Service> {
    vec![plain(), echo()]
}

/// Polls all subscriptions until nothing is left; returns the number of events.
fn poll_all(world: &World) -> Result<usize, Failure> {
    let mut count = 0;
    for subscription in world.bus.subscriptions() {
        loop {
            match drive(&world.bus, world.bus.poll(&subscription))? {
                0 => break,
                more => count += more,
            }
        }
    }
    Ok(count)
}

fn noted(world: &World) -> Vec<i64> {
    world.bus.ask(AllNoted).unwrap()
}

#[test]
fn a_service_reacts_to_the_public_events_of_another() {
    let world = World::new(services());
    let subscriptions: Vec<_> =
        world.bus.subscriptions().iter().map(|it| (it.service, it.source, it.partition)).collect();
    assert_eq!(subscriptions, [("echo", "tally", 0)]);
    assert_eq!(poll_all(&world), Ok(0));
    world.send(add("a", 1)).unwrap();
    world.send(add("b", 2)).unwrap();
    assert_eq!(poll_all(&world), Ok(2));
    assert_eq!(noted(&world), [1, 1, 2, 2]);
    assert_eq!(poll_all(&world), Ok(0), "no event is handled twice");
    world.bus.verify("echo", |_, _| {}).unwrap();
}

#[test]
fn a_refusal_or_a_panic_does_not_block_later_events() {
    let world = World::new(services());
    for by in [7, 8, 9] {
        world.send(add("a", by)).unwrap();
    }
    assert_eq!(poll_all(&world), Ok(3));
    assert_eq!(noted(&world), [9, 9]);
    let parked = world.bus.parked("echo", None, 10).unwrap();
    assert_eq!(parked.len(), 2, "each command whose handler panicked");
    assert!(parked.iter().all(|(_, it)| it.message == "echo.note" && it.reason == "eight"));
}

#[test]
fn each_event_has_its_effect_once_wherever_a_commit_fails() {
    for outcome in [
        AppendOutcome::Failed,
        AppendOutcome::Unknown { written: true },
        AppendOutcome::Unknown { written: false },
    ] {
        for flushed in [false, true] {
            // Three events with two commands each, and the saved position: seven appends.
            for at in 0..8 {
                let mut world = World::new(services());
                for by in [1, 2, 3] {
                    world.send(add("a", by)).unwrap();
                }
                world.disk(1).set_outcome_after(at, outcome);
                let failed = poll_all(&world).is_err();
                assert_eq!(failed, at < 7, "{outcome:?} at {at}");
                if world.halted() {
                    if flushed {
                        let _ = world.bus.flush();
                    }
                    world = world.restarted(services());
                }
                poll_all(&world).unwrap();
                assert_eq!(noted(&world), [1, 1, 2, 2, 3, 3], "{outcome:?} at {at}");
                world.bus.verify("echo", |_, _| {}).unwrap();
            }
        }
    }
}

#[test]
fn a_subscription_continues_at_its_position_after_a_restart() {
    for flushed in [false, true] {
        let mut world = World::new(services());
        let mut expected = Vec::new();
        for by in 10..20 {
            world.send(add("a", by)).unwrap();
            expected.extend([by, by]);
            if by % 3 == 0 {
                poll_all(&world).unwrap();
            }
            if by % 2 == 0 {
                if flushed {
                    world.bus.flush().unwrap();
                }
                world = world.restarted(services());
            }
        }
        poll_all(&world).unwrap();
        assert_eq!(noted(&world), expected);
    }
}

#[test]
fn events_of_several_pages_are_handled_in_order() {
    let world = World::new(services());
    for by in 100..400 {
        world.send(add("a", by)).unwrap();
    }
    assert_eq!(poll_all(&world), Ok(300));
    let expected: Vec<i64> = (100..400).flat_map(|by| [by, by]).collect();
    assert_eq!(noted(&world), expected);
}

#[test]
fn parked_messages_survive_a_restart_unchanged() {
    let world = World::new(services());
    let unknown = Parked {
        message: "channel".into(),
        body: "\u{0}not JSON\u{1F4A7}".into(),
        reason: "it is not JSON".into(),
        idempotency: None,
    };
    drive(&world.bus, world.bus.park("echo", unknown.clone())).unwrap();
    world.bus.flush().unwrap();
    let world = world.restarted(services());
    let parked = world.bus.parked("echo", None, 10).unwrap();
    assert_eq!(parked[0].1.body, unknown.body);
    let id = parked[0].0.clone();
    let again = drive(&world.bus, world.bus.replay_parked("echo", &id, false));
    assert_eq!(again.unwrap_err(), Failure::NotServed("channel".into()));
}
