//! A service hears another: what it is told has its effect exactly once, whatever breaks.

use super::disk::Fate;
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

/// Hears everything there is; says whether it could.
fn poll(world: &World) -> Result<usize, Failure> {
    let mut heard = 0;
    for subscription in world.bus.subscriptions() {
        loop {
            match drive(&world.bus, world.bus.poll(&subscription))? {
                0 => break,
                more => heard += more,
            }
        }
    }
    Ok(heard)
}

fn noted(world: &World) -> Vec<i64> {
    world.bus.ask(AllNoted).unwrap()
}

#[test]
fn what_one_service_tells_another_does_something_about() {
    let world = World::new(services());
    let subscriptions: Vec<_> =
        world.bus.subscriptions().iter().map(|it| (it.service, it.source, it.partition)).collect();
    assert_eq!(subscriptions, [("echo", "tally", 0)]);
    assert_eq!(poll(&world), Ok(0));
    world.send(add("a", 1)).unwrap();
    world.send(add("b", 2)).unwrap();
    assert_eq!(poll(&world), Ok(2));
    assert_eq!(noted(&world), [1, 1, 2, 2]);
    assert_eq!(poll(&world), Ok(0), "it is heard once");
    world.bus.verify("echo", |_, _| {}).unwrap();
}

#[test]
fn what_is_refused_or_breaks_holds_nothing_back() {
    let world = World::new(services());
    for by in [7, 8, 9] {
        world.send(add("a", by)).unwrap();
    }
    assert_eq!(poll(&world), Ok(3));
    assert_eq!(noted(&world), [9, 9]);
    let parked = world.bus.parked("echo", None, 10).unwrap();
    assert_eq!(parked.len(), 2, "each command that broke");
    assert!(parked.iter().all(|(_, it)| it.message == "echo.note" && it.reason == "eight"));
}

#[test]
fn the_effect_is_had_once_wherever_it_breaks() {
    for fate in [Fate::Failed, Fate::Unknown { written: true }, Fate::Unknown { written: false }] {
        for flushed in [false, true] {
            // Three events, two commands each, and the place that is kept: seven appends.
            for at in 0..8 {
                let mut world = World::new(services());
                for by in [1, 2, 3] {
                    world.send(add("a", by)).unwrap();
                }
                world.disk(1).ordain(at, fate);
                let broke = poll(&world).is_err();
                assert_eq!(broke, at < 7, "{fate:?} at {at}");
                if world.halted() {
                    if flushed {
                        let _ = world.bus.flush();
                    }
                    world = world.restarted(services());
                }
                poll(&world).unwrap();
                assert_eq!(noted(&world), [1, 1, 2, 2, 3, 3], "{fate:?} at {at}");
                world.bus.verify("echo", |_, _| {}).unwrap();
            }
        }
    }
}

#[test]
fn a_restart_at_any_point_hears_on_where_it_was() {
    for flushed in [false, true] {
        let mut world = World::new(services());
        let mut expected = Vec::new();
        for by in 10..20 {
            world.send(add("a", by)).unwrap();
            expected.extend([by, by]);
            if by % 3 == 0 {
                poll(&world).unwrap();
            }
            if by % 2 == 0 {
                if flushed {
                    world.bus.flush().unwrap();
                }
                world = world.restarted(services());
            }
        }
        poll(&world).unwrap();
        assert_eq!(noted(&world), expected);
    }
}

#[test]
fn more_than_one_page_is_heard_in_order() {
    let world = World::new(services());
    for by in 100..400 {
        world.send(add("a", by)).unwrap();
    }
    assert_eq!(poll(&world), Ok(300));
    let expected: Vec<i64> = (100..400).flat_map(|by| [by, by]).collect();
    assert_eq!(noted(&world), expected);
}

#[test]
fn anything_can_be_parked_and_is_still_there_after_a_restart() {
    let world = World::new(services());
    let strange = Parked {
        message: "channel".into(),
        body: "\u{0}not JSON\u{1F4A7}".into(),
        reason: "it is not JSON".into(),
        idempotency: None,
    };
    drive(&world.bus, world.bus.park("echo", strange.clone())).unwrap();
    world.bus.flush().unwrap();
    let world = world.restarted(services());
    let parked = world.bus.parked("echo", None, 10).unwrap();
    assert_eq!(parked[0].1.body, strange.body);
    let id = parked[0].0.clone();
    let again = drive(&world.bus, world.bus.replay_parked("echo", &id, false));
    assert_eq!(again.unwrap_err(), Failure::NotServed("channel".into()));
}
