//! Holds of all lines of an order or of none, and their confirmation, release and expiry.

use earmark_contracts::allocation::{
    Allocate, AllocateRefused, ConfirmHold, Held, Hold, HoldLine, HoldRefused, IfUnavailable,
    LinePhase, LineRefused, ReleaseHold, Ship,
};
use earmark_contracts::values::Priority;
use serde_json::json;

use super::{World, deallocate, line, line_id, moves, order_id, sku, units};

pub(super) fn hold(order: &str, lines: &[(&str, u64)], ttl_s: u32) -> Hold {
    let line = |(name, quantity): &(&str, u64)| HoldLine {
        line_id: None,
        sku: sku(name),
        quantity: units(*quantity),
        need_by: None,
        priority: Priority::default(),
        if_unavailable: IfUnavailable::default(),
    };
    Hold { order_id: order_id(order), lines: lines.iter().map(line).collect(), ttl_s }
}

pub(super) fn confirm(order: &str) -> ConfirmHold {
    ConfirmHold { order_id: order_id(order) }
}

pub(super) fn release(order: &str) -> ReleaseHold {
    ReleaseHold { order_id: order_id(order) }
}

fn world() -> World {
    let world = World::allocation();
    world.batch("b1", "LAMP", 10, None);
    world.batch("b2", "VASE", 10, Some("2011-01-10"));
    world
}

const BOTH: [(&str, u64); 2] = [("LAMP", 4), ("VASE", 5)];

#[test]
fn the_result_of_a_hold_has_the_batch_of_each_line() {
    let world = world();
    let held = world.send(hold("o1", &BOTH, 60)).unwrap();
    let until = super::NOON.0 + 60_000;
    let line = |name: &str, quantity: u32, batch: &str, promised: &str| {
        json!({
            "order_id": "o1", "line_id": name, "sku": name, "quantity": quantity, "state": "held",
            "batch": batch, "promised": promised, "need_by": null, "priority": 5,
            "shipped_quantity": 0, "returned_quantity": 0, "held_until_ms": until,
        })
    };
    let lines = [line("LAMP", 4, "b1", "2011-01-02"), line("VASE", 5, "b2", "2011-01-10")];
    let expected = json!({ "order_id": "o1", "until_ms": until, "lines": lines });
    assert_eq!(serde_json::to_value(&held).unwrap(), expected);
    assert_eq!(world.totals("b1"), [10, 4, 4, 6]);
    assert_eq!(held.lines, world.lines("o1"));
    let head = world.head();
    assert_eq!(
        world.send(hold("o1", &BOTH, 60)).unwrap(),
        Held { existed: true, ..held },
        "a repeated hold or confirmation changes nothing"
    );
    assert_eq!(world.head(), head);
    world.check();
}

#[test]
fn all_lines_are_held_or_none() {
    let world = world();
    let refusal = world.refused(hold("o1", &[("LAMP", 4), ("VASE", 11)], 60));
    assert_eq!(
        refusal,
        HoldRefused::OutOfStock {
            line_id: line_id("VASE"),
            sku: sku("VASE"),
            requested: 11,
            available: 10,
            earliest: None,
        }
    );
    let text = "11 units of VASE cannot be held: at most 10 are available";
    assert_eq!(refusal.to_string(), text);
    assert_eq!(world.totals("b1"), [10, 0, 0, 10]);
    assert!(world.lines("o1").is_empty());
    let refusal = world.refused(hold("o1", &[("LAMP", 4), ("DODO", 1)], 60));
    assert_eq!(refusal, HoldRefused::UnknownSku { sku: sku("DODO") });
    assert!(world.lines("o1").is_empty());
    world.check();
}

#[test]
fn a_refused_hold_keeps_earlier_holds_of_the_order() {
    let world = world();
    world.send(hold("o1", &[("LAMP", 4)], 60)).unwrap();
    world.refused(hold("o1", &[("LAMP", 4), ("VASE", 11)], 60));
    assert_eq!(world.lines("o1")[0].state, LinePhase::Held);
    let refusal = world.refused(hold("o1", &[("LAMP", 5)], 60));
    let differs = "quantity".to_owned();
    assert_eq!(refusal, HoldRefused::LineExists { line_id: line_id("LAMP"), differs });
    assert_eq!(world.totals("b1"), [10, 4, 4, 6]);
}

#[test]
fn a_line_is_either_held_or_allocated() {
    let world = world();
    world.send(hold("o1", &BOTH, 60)).unwrap();
    let AllocateRefused::LineExists { differs, .. } = world.refused(line("o1", "LAMP", 4)) else {
        panic!()
    };
    assert_eq!(differs, "line_id");
    world.allocate("o2", "LAMP", 4);
    let HoldRefused::LineExists { differs, .. } = world.refused(hold("o2", &BOTH[..1], 60)) else {
        panic!()
    };
    assert_eq!(differs, "line_id");
}

#[test]
fn a_confirmed_line_keeps_its_batch_and_does_not_expire() {
    let world = world();
    world.send(hold("o1", &BOTH, 60)).unwrap();
    world.batch("better", "VASE", 10, None);
    let head = world.head();
    let confirmed = world.send(confirm("o1")).unwrap();
    assert_eq!(world.event_names(head), ["hold_confirmed", "hold_confirmed"]);
    assert_eq!(world.batches_of("o1"), ["b1", "b2"], "the lines keep their batches");
    assert!(confirmed.lines.iter().all(|it| it.state == LinePhase::Placed));
    assert!(confirmed.lines.iter().all(|it| it.held_until_ms.is_none()));
    assert_eq!(world.totals("b1"), [10, 4, 0, 6]);
    assert_eq!(
        world.send(confirm("o1")).unwrap(),
        confirmed,
        "a repeated hold or confirmation changes nothing"
    );
    world.advance_hours(2);
    assert_eq!(world.sweep(), 0, "nothing is due");
    assert_eq!(world.batches_of("o1"), ["b1", "b2"]);
    world.check();
}

#[test]
fn a_released_hold_frees_its_units() {
    let world = world();
    world.send(hold("o1", &BOTH, 60)).unwrap();
    world.queue("o2", "LAMP", 10);
    let released = world.send(release("o1")).unwrap();
    assert_eq!(released.lines.len(), 2);
    assert!(released.lines.iter().all(|it| it.state == LinePhase::Released));
    assert!(world.lines("o1").is_empty());
    assert_eq!(world.batches_of("o2"), ["b1"], "the short line gets the units");
    let unknown = HoldRefused::UnknownHold { order_id: order_id("o1") };
    assert_eq!(world.refused(release("o1")), unknown);
    assert_eq!(world.refused(confirm("o1")), unknown);
    assert_eq!(unknown.to_string(), "order o1 has no held lines");
    world.check();
}

#[test]
fn a_held_line_is_neither_released_nor_shipped_alone() {
    let world = world();
    world.send(hold("o1", &BOTH, 60)).unwrap();
    let refusal = world.refused(deallocate("o1", "LAMP"));
    let text = "the line LAMP of order o1 is Held: release or confirm the hold of its order";
    assert_eq!(refusal.to_string(), text);
    let (order_id, line_id) = (order_id("o1"), line_id("LAMP"));
    let ship = Ship { order_id, line_id, sku: None, quantity: None };
    assert!(matches!(world.refused(ship), LineRefused::WrongPhase { .. }));
    assert_eq!(world.send(confirm("o1")).unwrap().lines.len(), 2);
    world.send(deallocate("o1", "LAMP")).unwrap();
    assert_eq!(world.totals("b1"), [10, 0, 0, 10]);
    world.check();
}

#[test]
fn a_hold_ends_by_the_clock_with_or_without_a_sweep() {
    for swept in [true, false] {
        let world = world();
        world.send(hold("o1", &BOTH, 3_600)).unwrap();
        world.queue("o2", "LAMP", 10);
        world.clock.set(super::NOON.plus_ms(3_599_999));
        assert_eq!(world.sweep(), 0);
        assert_eq!(world.batches_of("o2"), ["Short"]);
        world.clock.set(super::NOON.plus_ms(3_600_000));
        if swept {
            assert_eq!(world.sweep(), 1);
            assert_eq!(world.batches_of("o1"), ["HoldEnded", "HoldEnded"]);
            assert_eq!(world.batches_of("o2"), ["b1"], "the short line gets the units");
        }
        let refusal = world.refused(confirm("o1"));
        let HoldRefused::HoldExpired { order_id: order, expired, confirmed } = refusal.clone()
        else {
            panic!()
        };
        assert_eq!((order, confirmed), (order_id("o1"), vec![]));
        assert_eq!(expired, [line_id("LAMP"), line_id("VASE")]);
        assert_eq!(refusal.to_string(), "the hold of order o1 has expired");
        world.check();
    }
}

#[test]
fn an_order_can_hold_again_after_its_hold_expired() {
    for swept in [true, false] {
        let world = world();
        world.send(hold("o1", &BOTH, 60)).unwrap();
        world.advance_hours(1);
        if swept {
            world.sweep();
            assert_eq!(world.batches_of("o1"), ["HoldEnded", "HoldEnded"]);
        }
        let held = world.send(hold("o1", &[("LAMP", 9)], 60)).unwrap();
        assert_eq!(held.lines, world.lines("o1"), "the other line is removed");
        assert_eq!(held.lines[0].state, LinePhase::Held);
        assert_eq!(world.totals("b1"), [10, 9, 9, 1]);
        world.send(confirm("o1")).unwrap();
        world.check();
    }
}

#[test]
fn an_expired_hold_can_be_released_and_its_line_allocated() {
    let world = world();
    world.send(hold("o1", &BOTH, 60)).unwrap();
    world.advance_hours(1);
    world.sweep();
    assert_eq!(world.send(release("o1")).unwrap().lines.len(), 2);
    assert!(world.lines("o1").is_empty());
    assert!(world.stocks()["LAMP"].all_lines().next().is_none(), "nothing is stored");
    world.send(hold("o1", &BOTH, 60)).unwrap();
    world.advance_hours(1);
    let overdue = world.refused(line("o1", "LAMP", 4));
    assert!(matches!(overdue, AllocateRefused::LineExists { .. }), "its units are not free yet");
    world.sweep();
    world.send(Allocate { line_id: None, ..line("o1", "LAMP", 10) }).unwrap();
    assert_eq!(world.batches_of("o1"), ["b1", "HoldEnded"]);
    world.check();
}

#[test]
fn a_hold_that_loses_its_stock_moves_or_ends() {
    let world = world();
    world.send(hold("o1", &BOTH, 60)).unwrap();
    world.batch("b3", "LAMP", 4, Some("2011-01-05"));
    let moved = world.resize("b1", 3).moved;
    assert_eq!(moves(&moved), [["o1", "b1", "b3"]]);
    assert_eq!(world.totals("b3"), [4, 4, 4, 0]);
    let until = world.lines("o1")[0].held_until_ms;
    assert_eq!(until, Some(super::NOON.0 + 60_000), "the end of the hold does not change");
    let head = world.head();
    assert_eq!(moves(&world.resize("b3", 3).moved), [["o1", "b3", "-"]]);
    assert_eq!(world.event_names(head), ["batch_resized", "deallocated", "hold_ended"]);
    assert_eq!(world.batches_of("o1"), ["Missing", "b2"]);
    let missing = vec![line_id("LAMP")];
    let incomplete = HoldRefused::HoldIncomplete { order_id: order_id("o1"), missing };
    assert_eq!(world.refused(confirm("o1")), incomplete);
    let text = "the hold of order o1 has lost the stock of 1 of its lines";
    assert_eq!(incomplete.to_string(), text);
    assert_eq!(world.lines("o1")[1].state, LinePhase::Held, "nothing was confirmed");
    world.check();
}

#[test]
fn overdue_holds_end_in_the_order_of_their_ends() {
    let world = world();
    world.batch("b0", "LAMP", 6, Some("2011-01-03"));
    world.send(hold("late", &[("LAMP", 10)], 7_200)).unwrap();
    world.send(hold("early", &[("LAMP", 6)], 3_600)).unwrap();
    world.queue("small", "LAMP", 5);
    world.queue("large", "LAMP", 10);
    world.advance_hours(3);
    world.sweep();
    assert_eq!(world.batches_of("small"), ["b0"], "its units were free first");
    assert_eq!(world.batches_of("large"), ["b1"]);
    world.check();
}

#[test]
fn a_dry_run_of_a_hold_stores_nothing() {
    let world = world();
    let head = world.head();
    let (reply, names) = world.dry_run(hold("o1", &BOTH, 60));
    assert_eq!(reply.ending.unwrap().lines.len(), 2);
    let allocated = "allocation.allocated";
    assert_eq!(names, [allocated, allocated, "allocation.reservation_held"]);
    let (reply, _) = world.dry_run(hold("o1", &[("LAMP", 4), ("VASE", 11)], 60));
    assert!(reply.ending.is_err());
    assert_eq!(world.head(), head);
    world.send(hold("o1", &BOTH, 60)).unwrap();
    let head = world.head();
    assert!(world.dry_run(confirm("o1")).0.ending.is_ok());
    assert!(world.dry_run(release("o1")).0.ending.is_ok());
    assert_eq!(world.head(), head);
}

#[test]
fn invalid_holds_are_rejected_when_parsed() {
    let parse = |lines: &str, ttl: &str| {
        let json = format!(r#"{{"order_id":"o1","lines":{lines},"ttl_s":{ttl}}}"#);
        serde_json::from_str::<Hold>(&json).map(|it| it.lines.len()).map_err(|e| e.to_string())
    };
    let one = r#"[{"sku":"LAMP","quantity":1}]"#;
    assert_eq!(parse(one, "60"), Ok(1));
    let rejects = |lines: &str, ttl: &str, message: &str| {
        let error = parse(lines, ttl).unwrap_err();
        assert!(error.starts_with(message), "{error}");
    };
    rejects(one, "0", "must be a whole number from 1 to 2592000");
    rejects(one, "2592001", "must be a whole number from 1 to 2592000");
    rejects(one, "-1", "must be a whole number from 1 to 2592000");
    rejects("[]", "60", "must be 1 to 1000 lines, not 0");
    let twice = r#"[{"sku":"LAMP","quantity":1},{"sku":"X","line_id":"LAMP","quantity":1}]"#;
    rejects(twice, "60", "has the line LAMP twice");
}
