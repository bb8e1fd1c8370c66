//! Reservations: extended, incomplete, repeated, with lines that wait, and over several partitions.

use earmark_contracts::allocation::{
    ExtendHold, GetHold, Hold, HoldPhase, HoldRefused, HoldState, IfUnavailable, LinePhase,
    ListHolds, Outcome,
};
use earmark_kernel::{Event, Idempotency, Meta, UnixMillis};

use super::holds::{confirm, hold, release};
use super::world::{day, priority};
use super::{NOON, World, line_id, order_id, units};
use crate::allocation::reservation::events::ReservationEvent;
use crate::allocation::{Reservation, StockEvent};

fn world(partitions: usize) -> World {
    let world = World::allocation_parts(partitions);
    world.batch("b1", "LAMP", 10, None);
    world.batch("b2", "VASE", 10, Some("2011-01-10"));
    world.batch("b3", "BOWL", 10, None);
    world
}

const ALL: [(&str, u64); 3] = [("LAMP", 4), ("VASE", 5), ("BOWL", 6)];

fn extend(order: &str, ttl_s: u32) -> ExtendHold {
    ExtendHold { order_id: order_id(order), ttl_s }
}

fn state(world: &World, order: &str) -> HoldState {
    world.bus.ask(GetHold { order_id: order_id(order) }).unwrap().unwrap()
}

fn facts(world: &World) -> Vec<&'static str> {
    let events = world.events_of::<Reservation>(0);
    events.iter().map(|it| it.event.name().trim_start_matches("allocation.reservation_")).collect()
}

#[test]
fn an_operation_is_one_record_with_one_partition_and_opens_and_ends_with_several() {
    for (partitions, expected) in
        [(1, vec!["held", "confirmed"]), (3, vec!["holding", "held", "confirming", "confirmed"])]
    {
        let world = world(partitions);
        let head = world.records();
        world.send(hold("o1", &ALL, 60)).unwrap();
        world.send(confirm("o1")).unwrap();
        assert_eq!(facts(&world), expected);
        if partitions == 1 {
            assert_eq!(world.records(), head + 2, "one record each");
        }
        world.check();
    }
}

#[test]
fn an_operation_with_a_key_is_one_record_too() {
    let world = world(1);
    let many: Vec<_> = (0..100).map(|number| format!("SKU-{number}")).collect();
    for sku in &many {
        world.batch(&format!("b-{sku}"), sku, 1, None);
    }
    let lines: Vec<_> = many.iter().map(|sku| (sku.as_str(), 1)).collect();
    let head = world.records();
    let key = || Meta { idempotency: Some(Idempotency::of("a key", b"hold")), ..Meta::default() };
    let held = world.send_as(hold("o1", &lines, 60), key());
    assert_eq!(held.ending.unwrap().lines.len(), 100);
    assert_eq!(world.records(), head + 1, "one commit for 100 lines and the answer");
    assert!(world.send_as(hold("o1", &lines, 60), key()).replayed);
    assert_eq!(world.records(), head + 1);
    world.check();
}

#[test]
fn the_same_hold_again_moves_its_end_to_the_later_time() {
    for partitions in [1, 3] {
        let world = world(partitions);
        world.send(hold("o1", &ALL, 600)).unwrap();
        let again = world.send(hold("o1", &ALL, 60)).unwrap();
        assert_eq!((again.existed, again.until_ms), (true, Some(NOON.0 + 600_000)));
        let later = world.send(hold("o1", &ALL, 700)).unwrap();
        assert_eq!((later.existed, later.until_ms), (true, Some(NOON.0 + 700_000)));
        assert!(later.lines.iter().all(|it| it.held_until_ms == later.until_ms));
        assert_eq!(world.lines("o1").len(), 3);
        assert!(world.lines("o1").iter().all(|it| it.held_until_ms == later.until_ms));
        world.check();
    }
}

#[test]
fn further_lines_are_added_all_or_none_with_the_same_end() {
    for partitions in [1, 3] {
        let world = world(partitions);
        world.send(hold("o1", &ALL[..1], 600)).unwrap();
        let more = [("LAMP", 4), ("VASE", 5), ("BOWL", 11)];
        assert!(matches!(world.refused(hold("o1", &more, 60)), HoldRefused::OutOfStock { .. }));
        assert_eq!(world.batches_of("o1"), ["b1"], "the earlier line stays held");
        let added = world.send(hold("o1", &ALL, 60)).unwrap();
        assert_eq!((added.existed, added.until_ms), (false, Some(NOON.0 + 600_000)));
        assert_eq!(state(&world, "o1").lines.len(), 3);
        let refused = world.refused(hold("o1", &[("LAMP", 5)], 60));
        let differs = "quantity".to_owned();
        assert_eq!(refused, HoldRefused::LineExists { line_id: line_id("LAMP"), differs });
        world.check();
    }
}

#[test]
fn a_hold_is_extended_until_it_ends() {
    for partitions in [1, 3] {
        let world = world(partitions);
        let unknown = HoldRefused::UnknownHold { order_id: order_id("o1") };
        assert_eq!(world.refused(extend("o1", 60)), unknown);
        world.send(hold("o1", &ALL, 60)).unwrap();
        let extended = world.send(extend("o1", 7_200)).unwrap();
        assert_eq!(extended.until_ms, Some(NOON.0 + 7_200_000));
        assert_eq!(world.send(extend("o1", 60)).unwrap().until_ms, extended.until_ms);
        world.advance_hours(1);
        assert_eq!(world.sweep(), 0, "the first end does not count any more");
        assert_eq!(state(&world, "o1").state, HoldPhase::Held);
        world.advance_hours(1);
        let expired = world.refused(extend("o1", 60));
        assert!(matches!(expired, HoldRefused::HoldExpired { .. }), "{expired:?}");
        world.sweep();
        assert_eq!(state(&world, "o1").state, HoldPhase::Ended);
        assert_eq!(world.totals("b1"), [10, 0, 0, 10]);
        world.check();
    }
}

#[test]
fn a_hold_with_a_missing_line_is_neither_confirmed_nor_extended() {
    for partitions in [1, 3] {
        let world = world(partitions);
        world.send(hold("o1", &ALL, 60)).unwrap();
        world.resize("b3", 5);
        let hold_state = state(&world, "o1");
        assert_eq!(hold_state.missing, [line_id("BOWL")]);
        let missing = vec![line_id("BOWL")];
        let incomplete = HoldRefused::HoldIncomplete { order_id: order_id("o1"), missing };
        assert_eq!(world.refused(confirm("o1")), incomplete);
        assert_eq!(world.refused(extend("o1", 600)), incomplete);
        assert_eq!(world.totals("b1"), [10, 4, 4, 6], "nothing was confirmed");
        let mut waits = hold("o1", &ALL, 60);
        waits.lines[2].if_unavailable = IfUnavailable::Backorder;
        assert!(world.dry_run(waits).0.ending.is_ok(), "it may wait for stock");
        world.resize("b3", 6);
        let again = world.send(hold("o1", &ALL, 60)).unwrap();
        assert!(!again.existed, "a line was held anew");
        assert_eq!(world.send(confirm("o1")).unwrap().lines.len(), 3);
        world.check();
    }
}

#[test]
fn a_line_may_wait_for_stock_from_the_confirmation_on() {
    for partitions in [1, 3] {
        let world = world(partitions);
        let mut hold = hold("o1", &[("LAMP", 4), ("BOWL", 11)], 60);
        hold.lines[1].if_unavailable = IfUnavailable::Backorder;
        let held = world.send(hold.clone()).unwrap();
        assert_eq!(held.lines[1].state, LinePhase::Wanted);
        assert_eq!(held.lines[1].promised, None);
        assert_eq!(world.lines("o1").len(), 1, "the stock does not have it yet");
        assert!(world.send(hold).unwrap().lines[1].promised.is_none());
        let confirmed = world.send(confirm("o1")).unwrap();
        let phases: Vec<_> = confirmed.lines.iter().map(|it| it.state).collect();
        assert_eq!(phases, [LinePhase::Placed, LinePhase::Short]);
        world.resize("b3", 11);
        assert_eq!(world.batches_of("o1"), ["b3", "b1"]);
        let ready = |it: &StockEvent| matches!(it, StockEvent::GoodsReady(_));
        let events = world.events(0);
        assert_eq!(events.iter().filter(|it| ready(&it.event)).count(), 1, "it is told");
        world.check();
    }
}

#[test]
fn the_days_and_priorities_of_held_lines_count() {
    let world = world(1);
    let mut late = hold("o1", &[("VASE", 5)], 60);
    late.lines[0].need_by = Some(day("2011-01-05"));
    let HoldRefused::OutOfStock { available, earliest, .. } = world.refused(late.clone()) else {
        panic!()
    };
    assert_eq!((available, earliest), (0, Some(day("2011-01-10"))));
    late.lines[0].need_by = Some(day("2011-01-10"));
    late.lines[0].priority = priority(9);
    let held = world.send(late.clone()).unwrap();
    assert_eq!(held.lines[0].priority, priority(9));
    let differs = |hold: Hold| match world.refused(hold) {
        HoldRefused::LineExists { differs, .. } => differs,
        other => panic!("{other:?}"),
    };
    let mut other = late.clone();
    other.lines[0].need_by = None;
    assert_eq!(differs(other), "need_by");
    late.lines[0].priority = priority(1);
    assert_eq!(differs(late), "priority");
}

#[test]
fn lines_are_told_when_their_goods_arrive() {
    let world = world(1);
    world.send(hold("o1", &ALL, 60)).unwrap();
    world.send(hold("o2", &[("VASE", 1)], 60)).unwrap();
    world.allocate("o3", "VASE", 1);
    world.send(confirm("o1")).unwrap();
    let head = world.head();
    world.change_eta("b2", None);
    let ready: Vec<_> = world
        .events(head)
        .into_iter()
        .filter_map(|it| match it.event {
            StockEvent::GoodsReady(fact) => Some(fact.line.order_id.0.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(ready, ["o1"], "neither the held nor the direct line");
    world.check();
}

#[test]
fn holds_are_listed_by_their_ends() {
    let world = world(1);
    for (order, ttl_s) in [("late", 900), ("early", 60), ("middle", 600)] {
        world.send(hold(order, &[("LAMP", 1)], ttl_s)).unwrap();
    }
    world.send(hold("done", &[("LAMP", 1)], 60)).unwrap();
    world.send(confirm("done")).unwrap();
    let list = |ends_before_ms, after, limit| {
        let holds = world.bus.ask(ListHolds { ends_before_ms, after, limit }).unwrap();
        holds.iter().map(|it| it.order_id.0.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(list(None, None, 10), ["early", "middle", "late"]);
    assert_eq!(list(Some(NOON.0 + 600_001), None, 10), ["early", "middle"]);
    let first = world.bus.ask(ListHolds { ends_before_ms: None, after: None, limit: 1 }).unwrap();
    assert_eq!(list(None, first.into_iter().next(), 1), ["middle"]);
}

#[test]
fn a_refused_hold_tells_the_line_without_stock() {
    for partitions in [1, 3] {
        let world = world(partitions);
        world.refused(hold("o1", &[("LAMP", 4), ("BOWL", 11)], 60));
        let events = world.events_of::<Reservation>(0);
        let ReservationEvent::Short(fact) = &events.last().unwrap().event else { panic!() };
        assert_eq!((&*fact.name.sku.0, fact.requested, fact.available), ("BOWL", 11, 10));
        let exhausted = |it: &StockEvent| matches!(it, StockEvent::StockExhausted(_));
        assert_eq!(world.events(0).iter().filter(|it| exhausted(&it.event)).count(), 1);
        assert!(world.lines("o1").is_empty());
        assert_eq!(state(&world, "o1").state, HoldPhase::Ended);
        world.check();
    }
}

#[test]
fn a_new_round_holds_further_lines_of_a_confirmed_order() {
    for partitions in [1, 3] {
        let world = world(partitions);
        world.send(hold("o1", &ALL[..1], 60)).unwrap();
        world.send(confirm("o1")).unwrap();
        world.send(hold("o1", &ALL[1..], 60)).unwrap();
        assert_eq!(state(&world, "o1").state, HoldPhase::Held);
        let released = world.send(release("o1")).unwrap();
        assert_eq!(released.lines.len(), 2, "the confirmed line stays");
        assert_eq!(world.batches_of("o1"), ["b1"]);
        assert_eq!(state(&world, "o1").state, HoldPhase::Confirmed);
        world.check();
    }
}

#[test]
fn a_hold_and_a_direct_line_of_an_order_do_not_meet() {
    let world = world(1);
    world.send(hold("o1", &ALL[..1], 60)).unwrap();
    assert!(matches!(world.allocate("o1", "BOWL", 6).outcome, Outcome::Placed { .. }));
    let refused = world.refused(hold("o1", &ALL, 60));
    let differs = "line_id".to_owned();
    assert_eq!(refused, HoldRefused::LineExists { line_id: line_id("BOWL"), differs });
    world.send(release("o1")).unwrap();
    assert_eq!(world.batches_of("o1"), ["b3"], "the direct line stays");
    world.check();
}

#[test]
fn what_a_crash_left_open_is_finished_without_the_client() {
    // The number of steps that are done before the crash.
    for steps in 0..12 {
        for (operation, lines) in [("hold", 3), ("confirm", 3), ("release", 0)] {
            let world = world(3);
            if operation != "hold" {
                world.send(hold("o1", &ALL, 6_000)).unwrap();
            }
            match operation {
                "hold" => world.steps(steps, world.bus.send(hold("o1", &ALL, 6_000))),
                "confirm" => world.steps(steps, world.bus.send(confirm("o1"))),
                _ => world.steps(steps, world.bus.send(release("o1"))),
            }
            let world = world.restarted(false);
            world.clock.set(UnixMillis(world.bus.now().0 + 1_000));
            while world.sweep() > 0 {}
            world.check();
            let found = world.lines("o1").len();
            let before = if operation == "hold" { 0 } else { 3 };
            assert!([before, lines].contains(&found), "{operation} after {steps}: {found}");
            let phase = state_or_none(&world);
            let is_open = matches!(
                phase,
                Some(HoldPhase::Holding | HoldPhase::Confirming | HoldPhase::Releasing)
            );
            assert!(!is_open, "{operation} after {steps} is {phase:?}");
        }
    }
}

fn state_or_none(world: &World) -> Option<HoldPhase> {
    world.bus.ask(GetHold { order_id: order_id("o1") }).unwrap().map(|it| it.state)
}

#[test]
fn lines_held_before_there_were_reservations_are_adopted() {
    for partitions in [1, 3] {
        for operation in ["hold", "confirm", "release", "extend"] {
            let world = world(partitions);
            world.hold_as_before("o1", &ALL, 3_600);
            assert!(state_or_none(&world).is_none());
            world.check();
            match operation {
                "hold" => assert!(world.send(hold("o1", &ALL, 60)).unwrap().existed),
                "confirm" => assert_eq!(world.send(confirm("o1")).unwrap().lines.len(), 3),
                "extend" => drop(world.send(extend("o1", 7_200)).unwrap()),
                _ => assert_eq!(world.send(release("o1")).unwrap().lines.len(), 3),
            }
            let expected = match operation {
                "hold" | "extend" => HoldPhase::Held,
                "confirm" => HoldPhase::Confirmed,
                _ => HoldPhase::Ended,
            };
            assert_eq!(state_or_none(&world), Some(expected), "{operation}");
            world.check();
        }
    }
}

#[test]
fn lines_held_before_there_were_reservations_end_by_their_own_timers() {
    let world = world(1);
    world.hold_as_before("o1", &ALL, 3_600);
    world.advance_hours(1);
    assert_eq!(world.sweep(), 3);
    assert_eq!(world.batches_of("o1"), ["HoldEnded", "HoldEnded", "HoldEnded"]);
    assert!(matches!(world.refused(confirm("o1")), HoldRefused::HoldExpired { .. }));
    world.send(hold("o1", &[("LAMP", 4)], 60)).unwrap();
    assert_eq!(world.lines("o1").len(), 1, "the other lines are forgotten");
    assert_eq!(world.lines("o1")[0].quantity, units(4).units());
    world.check();
}
