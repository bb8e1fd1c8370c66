//! The batch of a new line, and the result of the command.

use earmark_contracts::allocation::{Allocate, AllocateRefused, Outcome, WhenShort};
use earmark_contracts::values::Priority;
use serde_json::json;

use super::{World, batch, batch_of, day, line, line_id, priority, sku, units};

#[test]
fn batches_in_the_warehouse_are_preferred_to_incoming_ones() {
    let world = World::allocation();
    world.batch("later", "CLOCK", 100, Some("2011-02-01"));
    world.batch("soon", "CLOCK", 100, Some("2011-01-10"));
    world.batch("here", "CLOCK", 10, None);
    assert_eq!(batch_of(&world.allocate("o1", "CLOCK", 10)), Some("here"));
    assert_eq!(batch_of(&world.allocate("o2", "CLOCK", 10)), Some("soon"));
    assert_eq!(batch_of(&world.allocate("o3", "CLOCK", 91)), Some("later"));
    assert_eq!(batch_of(&world.allocate("o4", "CLOCK", 91)), None);
    world.check();
}

#[test]
fn of_equal_batches_the_one_created_first_is_preferred() {
    let world = World::allocation();
    world.batch("b2", "CLOCK", 10, None);
    world.batch("b1", "CLOCK", 10, None);
    world.batch("d2", "CLOCK", 10, Some("2011-01-10"));
    world.batch("d1", "CLOCK", 10, Some("2011-01-10"));
    for (order, reference) in [("o1", "b2"), ("o2", "b1"), ("o3", "d2"), ("o4", "d1")] {
        assert_eq!(batch_of(&world.allocate(order, "CLOCK", 10)), Some(reference));
    }
}

#[test]
fn a_line_is_allocated_whole_or_not_at_all() {
    let world = World::allocation();
    world.batch("b1", "CLOCK", 10, None);
    world.batch("b2", "CLOCK", 10, None);
    assert_eq!(batch_of(&world.allocate("o1", "CLOCK", 11)), None);
    assert_eq!(batch_of(&world.allocate("o2", "CLOCK", 10)), Some("b1"));
    assert_eq!(world.totals("b1"), [10, 10, 0, 0]);
    assert_eq!(world.totals("b2"), [10, 0, 0, 10]);
}

#[test]
fn the_result_of_an_allocation_has_batch_day_and_reason() {
    let world = World::allocation();
    world.batch("small", "CLOCK", 3, None);
    world.batch("late", "CLOCK", 50, Some("2011-03-01"));
    world.batch("soon", "CLOCK", 50, Some("2011-01-10"));
    let command = Allocate {
        line_id: Some(line_id("7")),
        need_by: Some(day("2011-02-01")),
        priority: priority(8),
        ..line("o1", "CLOCK", 4)
    };
    let placement = world.send(command).unwrap();
    assert_eq!(
        serde_json::to_value(&placement).unwrap(),
        json!({
            "existed": false,
            "outcome": {
                "outcome": "placed",
                "order_id": "o1",
                "line_id": "7",
                "sku": "CLOCK",
                "quantity": 4,
                "state": "placed",
                "batch": "soon",
                "promised": "2011-01-10",
                "need_by": "2011-02-01",
                "priority": 8,
                "shipped_quantity": 0,
                "returned_quantity": 0,
                "held_until_ms": null,
                "explanation": {
                    "chosen": "soon",
                    "because": "no batch in the warehouse takes it; the first to arrive, \
                        on 2011-01-10",
                    "passed_over": [{ "batch": "small", "why": "too_small", "available": 3 }],
                    "exhausted": 0,
                },
            },
        })
    );
}

#[test]
fn stock_in_the_warehouse_is_promised_for_today() {
    let world = World::allocation();
    world.batch("b1", "CLOCK", 10, None);
    world.batch("overdue", "CLOCK", 20, Some("2011-01-01"));
    let promised = |placement| match placement {
        Outcome::Placed { line, .. } => line.promised.unwrap().to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(promised(world.allocate("o1", "CLOCK", 10).outcome), "2011-01-02");
    assert_eq!(
        promised(world.allocate("o2", "CLOCK", 10).outcome),
        "2011-01-02",
        "not before today"
    );
}

#[test]
fn a_batch_that_comes_after_need_by_is_passed_over() {
    let world = World::allocation();
    world.batch("late", "CLOCK", 10, Some("2011-01-11"));
    let by = |text| Some(day(text));
    let command = Allocate { need_by: by("2011-01-10"), ..line("o1", "CLOCK", 5) };
    let outcome = world.send(command).unwrap().outcome;
    let refused = Outcome::OutOfStock {
        sku: sku("CLOCK"),
        requested: 5,
        available: 0,
        earliest: by("2011-01-11"),
    };
    assert_eq!(outcome, refused);
    let command = Allocate { need_by: by("2011-01-11"), ..line("o1", "CLOCK", 5) };
    assert_eq!(batch_of(&world.send(command).unwrap()), Some("late"), "the same day is in time");
    let gone = Allocate { need_by: by("2011-01-01"), ..line("o2", "CLOCK", 1) };
    assert_eq!(batch_of(&world.send(gone).unwrap()), None, "every batch is too late for yesterday");
}

#[test]
fn a_batch_that_expires_before_it_can_be_shipped_is_passed_over() {
    let world = World::allocation();
    let expires = |text| Some(day(text));
    let milk = |name, eta, end| earmark_contracts::allocation::CreateBatch {
        expires: expires(end),
        ..batch(name, "MILK", 10, eta)
    };
    world.send(milk("sour", Some("2011-01-09"), "2011-01-09")).unwrap();
    world.send(milk("fresh", Some("2011-01-09"), "2011-01-10")).unwrap();
    let placement = world.allocate("o1", "MILK", 5);
    assert_eq!(batch_of(&placement), Some("fresh"));
    let Outcome::Placed { explanation, .. } = placement.outcome else { panic!() };
    assert_eq!(
        serde_json::to_value(&explanation.passed_over).unwrap(),
        json!([{ "batch": "sour", "why": "expires_before", "expires": "2011-01-09" }])
    );
}

#[test]
fn out_of_stock_reports_available_units_and_the_earliest_day() {
    let world = World::allocation();
    world.batch("b1", "CLOCK", 7, None);
    world.batch("b2", "CLOCK", 9, Some("2011-01-10"));
    world.batch("b3", "CLOCK", 90, Some("2011-03-10"));
    let head = world.head();
    let command = Allocate { need_by: Some(day("2011-01-31")), ..line("o1", "CLOCK", 10) };
    let outcome = world.send(command).unwrap().outcome;
    let earliest = Some(day("2011-03-10"));
    let sku = sku("CLOCK");
    assert_eq!(outcome, Outcome::OutOfStock { sku, requested: 10, available: 9, earliest });
    assert_eq!(world.event_names(head), ["stock_exhausted"]);
    assert!(world.lines("o1").is_empty(), "the line is not stored");
    let outcome = world.allocate("o1", "CLOCK", 100).outcome;
    assert!(matches!(outcome, Outcome::OutOfStock { available: 90, earliest: None, .. }));
}

#[test]
fn a_line_may_wait_for_stock() {
    let world = World::allocation();
    world.batch("b1", "CLOCK", 7, None);
    let head = world.head();
    let placement = world.queue("o1", "CLOCK", 10);
    let Outcome::Short { line: waiting, earliest } = &placement.outcome else { panic!() };
    assert_eq!((earliest, waiting.quantity, &waiting.batch), (&None, 10, &None));
    assert_eq!(serde_json::to_value(waiting.state).unwrap(), "short");
    assert_eq!(world.event_names(head), ["queued", "stock_exhausted"]);
    assert!(world.queue("o1", "CLOCK", 10).already_accepted, "a repeated command changes nothing");
    assert!(
        world.allocate("o1", "CLOCK", 10).already_accepted,
        "the value of `short` does not matter"
    );
    assert_eq!(world.event_names(head).len(), 2);
    world.check();
}

#[test]
fn a_short_line_reports_the_earliest_day_even_after_need_by() {
    let world = World::allocation();
    world.batch("b1", "CLOCK", 70, Some("2011-05-01"));
    let need_by = Some(day("2011-02-01"));
    let waiting = Allocate { short: WhenShort::Queue, need_by, ..line("o1", "CLOCK", 10) };
    let Outcome::Short { earliest, .. } = world.send(waiting).unwrap().outcome else { panic!() };
    assert_eq!(earliest, Some(day("2011-05-01")));
}

#[test]
fn an_unknown_sku_is_refused_with_the_text_of_the_book() {
    let world = World::allocation();
    let refusal = world.refused(line("o1", "NONEXISTENT SKU", 10));
    assert_eq!(refusal, AllocateRefused::UnknownSku { sku: sku("NONEXISTENT SKU") });
    assert_eq!(refusal.to_string(), "Invalid sku NONEXISTENT SKU");
    assert_eq!(world.head(), 0, "a refusal records nothing");
}

#[test]
fn a_line_that_was_placed_stays_where_it_is_when_asked_again() {
    let world = World::allocation();
    world.batch("b1", "CLOCK", 10, Some("2011-01-10"));
    let first = world.allocate("o1", "CLOCK", 10);
    world.batch("better", "CLOCK", 10, None);
    let head = world.head();
    let again = world.allocate("o1", "CLOCK", 10);
    assert!(again.already_accepted && !first.already_accepted);
    assert_eq!(batch_of(&again), Some("b1"));
    assert_eq!(world.head(), head);
}

#[test]
fn a_repeated_line_with_other_values_is_refused() {
    let world = World::allocation();
    world.batch("b1", "CLOCK", 30, None);
    world.allocate("o1", "CLOCK", 10);
    let mut command = line("o1", "CLOCK", 11);
    let differs = |command: &Allocate| match world.refused(command.clone()) {
        AllocateRefused::LineExists { differs, .. } => differs,
        other => panic!("{other:?}"),
    };
    assert_eq!(differs(&command), "quantity");
    command.quantity = units(10);
    command.need_by = Some(day("2012-01-01"));
    assert_eq!(differs(&command), "need_by");
    command.need_by = None;
    command.priority = Priority::new(9).unwrap();
    assert_eq!(differs(&command), "priority");
    let refusal = world.refused(command).to_string();
    assert_eq!(refusal, "the line CLOCK of order o1 was accepted before, with another priority");
    assert_eq!(world.totals("b1"), [30, 10, 0, 20]);
}

#[test]
fn a_line_is_identified_by_order_line_id_and_sku() {
    let world = World::allocation();
    world.batch("b1", "CLOCK", 30, None);
    world.batch("b2", "VASE", 30, None);
    let named = |name| Allocate { line_id: Some(line_id(name)), ..line("o1", "CLOCK", 5) };
    world.send(named("1")).unwrap();
    world.send(named("2")).unwrap();
    let vase = Allocate { line_id: Some(line_id("1")), ..line("o1", "VASE", 5) };
    assert!(!world.send(vase).unwrap().already_accepted, "a line of another SKU is another line");
    assert_eq!(world.batches_of("o1"), ["b1", "b2", "b1"]);
    world.check();
}
