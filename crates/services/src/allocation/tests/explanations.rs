//! Explanations of allocations.

use earmark_contracts::allocation::{
    Allocate, CreateBatch, ExplainLine, ExplainedLine, LineRefused, WhenShort,
};
use serde_json::{Value, json};

use super::{World, batch, close, day, line, line_id, order_id, sku};

fn explain(world: &World, order: &str) -> Result<ExplainedLine, LineRefused> {
    let (order_id, line_id) = (order_id(order), line_id("MILK"));
    world.bus.ask(ExplainLine { order_id, line_id, sku: None }).unwrap()
}

fn explanation(world: &World, order: &str) -> Value {
    serde_json::to_value(explain(world, order).unwrap().explanation).unwrap()
}

#[test]
fn the_explanation_names_every_batch_with_its_reason() {
    let world = World::allocation();
    let on = |reference, quantity, eta| batch(reference, "MILK", quantity, eta);
    world.send(on("small", 3, None)).unwrap();
    world.send(on("closed", 50, None)).unwrap();
    world.send(close("closed")).unwrap();
    let expires = Some(day("2011-01-05"));
    world.send(CreateBatch { expires, ..on("sour", 50, Some("2011-01-05")) }).unwrap();
    world.send(on("won", 50, Some("2011-01-06"))).unwrap();
    world.send(on("next", 50, Some("2011-01-07"))).unwrap();
    world.send(on("late", 50, Some("2011-02-07"))).unwrap();
    let command = Allocate { need_by: Some(day("2011-01-31")), ..line("o1", "MILK", 4) };
    world.send(command).unwrap();
    let explained = json!({
        "chosen": "won",
        "because": "no batch in the warehouse takes it; the first to arrive, on 2011-01-06",
        "passed_over": [
            { "batch": "small", "why": "too_small", "available": 3 },
            { "batch": "closed", "why": "closed" },
            { "batch": "sour", "why": "expires_before", "expires": "2011-01-05" },
            { "batch": "next", "why": "later_than_chosen" },
            { "batch": "late", "why": "too_late", "eta": "2011-02-07" },
        ],
        "exhausted": 1,
    });
    assert_eq!(explanation(&world, "o1"), explained);
    // Later events do not change the explanation.
    world.advance_hours(24);
    world.batch("better", "MILK", 50, None);
    world.send(close("next")).unwrap();
    assert_eq!(explanation(&world, "o1"), explained);
    let it = explain(&world, "o1").unwrap();
    assert_eq!((it.line, it.decided_at_ms), (world.lines("o1")[0].clone(), super::NOON.0));
    assert_eq!(world.events(it.sequence - 1)[0].seq, it.sequence);
}

#[test]
fn a_line_allocated_to_the_warehouse_is_explained() {
    let world = World::allocation();
    world.batch("b1", "MILK", 5, None);
    world.allocate("o1", "MILK", 5);
    let because = "the first batch in the warehouse that takes the whole line";
    let passed_over: [Value; 0] = [];
    assert_eq!(
        explanation(&world, "o1"),
        json!({
            "chosen": "b1", "because": because, "passed_over": passed_over, "exhausted": 0,
        })
    );
}

#[test]
fn a_short_line_is_explained_as_of_the_decision() {
    let world = World::allocation();
    world.batch("b1", "MILK", 30, None);
    world.batch("b2", "MILK", 12, Some("2011-01-06"));
    world.allocate("o1", "MILK", 10);
    world.allocate("o2", "MILK", 10);
    let queued = Allocate { short: WhenShort::Queue, ..line("o3", "MILK", 15) };
    world.send(queued).unwrap();
    let short = |passed_over: Value, exhausted: u32| {
        let because = "no batch takes the whole line in time";
        json!({
            "chosen": null, "because": because, "passed_over": passed_over, "exhausted": exhausted,
        })
    };
    let both = json!([
        { "batch": "b1", "why": "too_small", "available": 10 },
        { "batch": "b2", "why": "too_small", "available": 12 },
    ]);
    assert_eq!(explanation(&world, "o3"), short(both, 0));
    // Both lines lose their batch; the first gets the units of the other batch.
    world.resize("b1", 0);
    assert_eq!(world.batches_of("o1"), ["b2"]);
    let after = json!([
        { "batch": "b1", "why": "too_small", "available": 0 },
        { "batch": "b2", "why": "too_small", "available": 2 },
    ]);
    assert_eq!(explanation(&world, "o2"), short(after, 1));
    let because = "no batch in the warehouse takes it; the first to arrive, on 2011-01-06";
    assert_eq!(explanation(&world, "o1")["because"], because);
    assert_eq!(explanation(&world, "o1")["chosen"], "b2");
}

#[test]
fn explanations_are_the_same_before_and_after_a_snapshot() {
    let world = World::allocation();
    world.batch("b1", "MILK", 900, None);
    for round in 0..900 {
        world.allocate(&format!("o{round}"), "MILK", 1);
    }
    world.batch("b2", "MILK", 900, None);
    world.allocate("last", "MILK", 7);
    let expected = ["o0", "o500", "o899", "last"].map(|order| explain(&world, order).unwrap());
    assert_eq!(expected[3].explanation.chosen, Some(super::reference_of("b2")));
    let world = world.restarted(true);
    for (order, expected) in ["o0", "o500", "o899", "last"].into_iter().zip(expected) {
        assert_eq!(explain(&world, order).unwrap(), expected);
    }
}

#[test]
fn an_unknown_line_is_not_explained() {
    let world = World::allocation();
    world.batch("b1", "MILK", 30, None);
    let unknown = LineRefused::UnknownLine { order_id: order_id("o1"), line_id: line_id("MILK") };
    assert_eq!(explain(&world, "o1"), Err(unknown.clone()));
    world.allocate("o1", "MILK", 1);
    world.batch("b2", "LAMP", 30, None);
    let lamp = Allocate { line_id: Some(line_id("MILK")), ..line("o1", "LAMP", 1) };
    world.send(lamp).unwrap();
    assert!(matches!(explain(&world, "o1"), Err(LineRefused::AmbiguousLine { .. })));
    let (order_id, line_id) = (order_id("o1"), line_id("MILK"));
    let of_sku = |name| ExplainLine {
        order_id: order_id.clone(),
        line_id: line_id.clone(),
        sku: Some(sku(name)),
    };
    assert!(world.bus.ask(of_sku("LAMP")).unwrap().is_ok());
    assert_eq!(world.bus.ask(of_sku("CLOCK")).unwrap(), Err(unknown));
}
