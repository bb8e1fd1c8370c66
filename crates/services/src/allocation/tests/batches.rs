//! Creation, changes and closing of batches, with preconditions and dry runs.

use earmark_contracts::allocation::{
    BatchPhase, BatchRefused, ChangeBatch, CreateBatch, batch_etag,
};
use earmark_contracts::values::Level;
use serde_json::json;

use super::{World, batch, change, close, day, moves, reference_of};

fn level(units: u64) -> Option<Level> {
    Some(Level::new(units).unwrap())
}

#[test]
fn the_result_of_a_creation_has_the_state_of_the_batch() {
    let world = World::allocation();
    let expires = Some(day("2012-01-01"));
    let created = CreateBatch { expires, ..batch("b1", "VASE", 50, Some("2011-01-10")) };
    let answer = world.send(created).unwrap();
    let state = json!({
        "reference": "b1",
        "sku": "VASE",
        "purchased_quantity": 50,
        "allocated_quantity": 0,
        "held_quantity": 0,
        "available_quantity": 50,
        "eta": "2011-01-10",
        "expires": "2012-01-01",
        "state": "incoming",
        "version": 1,
    });
    assert_eq!(
        serde_json::to_value(&answer).unwrap(),
        json!({ "existed": false, "batch": state, "moved": [] })
    );
    assert_eq!(serde_json::to_value(world.state("b1")).unwrap(), state);
}

#[test]
fn the_same_batch_again_changes_nothing_even_after_it_has_changed() {
    let world = World::allocation();
    world.batch("b1", "VASE", 50, Some("2011-01-10"));
    world.allocate("o1", "VASE", 20);
    world.resize("b1", 40);
    world.change_eta("b1", None);
    let head = world.head();
    let again = world.send(batch("b1", "VASE", 50, Some("2011-01-10"))).unwrap();
    assert!(again.existed);
    assert_eq!((again.batch.purchased_quantity, again.batch.allocated_quantity), (40, 20));
    assert_eq!(world.head(), head);
    world.send(close("b1")).unwrap();
    let again = world.send(batch("b1", "VASE", 50, Some("2011-01-10"))).unwrap();
    assert!(again.existed && again.batch.state == BatchPhase::Closed);
}

#[test]
fn another_batch_under_the_same_reference_is_refused() {
    let world = World::allocation();
    world.batch("b1", "VASE", 50, None);
    let differs = |command: CreateBatch| match world.refused(command) {
        BatchRefused::BatchExists { differs, reference } => {
            assert_eq!(reference, reference_of("b1"));
            differs
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(differs(batch("b1", "VASE", 51, None)), "quantity");
    assert_eq!(differs(batch("b1", "VASE", 50, Some("2011-01-10"))), "eta");
    let expires = Some(day("2012-01-01"));
    assert_eq!(differs(CreateBatch { expires, ..batch("b1", "VASE", 50, None) }), "expires");
    assert_eq!(differs(batch("b1", "LAMP", 50, None)), "sku");
    let refusal = world.refused(batch("b1", "LAMP", 50, None));
    assert_eq!(refusal.to_string(), "another batch has the reference b1");
    assert_eq!(world.event_names(0), ["batch_created"]);
}

#[test]
fn the_result_of_a_change_lists_the_moved_lines() {
    let world = World::allocation();
    world.batch("b1", "VASE", 50, None);
    world.batch("b2", "VASE", 30, Some("2011-01-10"));
    world.allocate("o1", "VASE", 20);
    world.allocate("o2", "VASE", 20);
    world.allocate("o3", "VASE", 10);
    let changed = world.resize("b1", 15);
    let expected = [["o1", "b1", "b2"], ["o2", "b1", "-"]];
    assert_eq!(moves(&changed.moved), expected);
    assert_eq!(changed.batch, world.state("b1"));
    assert_eq!(world.totals("b1"), [15, 10, 0, 5]);
    world.check();
}

#[test]
fn a_change_without_effect_records_no_event() {
    let world = World::allocation();
    world.batch("b1", "VASE", 50, None);
    let head = world.head();
    let same = ChangeBatch { quantity: level(50), eta: Some(None), ..change("b1") };
    let changed = world.send(same).unwrap();
    assert_eq!((world.head(), changed.batch.version, changed.moved.len()), (head, 1, 0));
    world.send(change("b1")).unwrap();
    assert_eq!(world.head(), head);
}

#[test]
fn a_batch_can_shrink_to_zero_and_grow_again() {
    let world = World::allocation();
    world.batch("b1", "VASE", 50, None);
    world.allocate("o1", "VASE", 20);
    world.resize("b1", 0);
    assert_eq!(world.totals("b1"), [0, 0, 0, 0]);
    assert_eq!(world.batches_of("o1"), ["Short"]);
    let changed = world.resize("b1", 1_000_000_000);
    assert_eq!(moves(&changed.moved), [["o1", "-", "b1"]]);
    assert_eq!(world.totals("b1"), [1_000_000_000, 20, 0, 999_999_980]);
    world.check();
}

#[test]
fn an_unknown_or_closed_batch_cannot_change() {
    let world = World::allocation();
    let unknown = BatchRefused::UnknownBatch { reference: reference_of("b1") };
    assert_eq!(world.refused(change("b1")), unknown);
    assert_eq!(world.refused(close("b1")), unknown);
    assert_eq!(unknown.to_string(), "no batch has the reference b1");
    world.batch("b1", "VASE", 50, None);
    world.send(close("b1")).unwrap();
    let closed = BatchRefused::BatchClosed { reference: reference_of("b1") };
    assert_eq!(world.refused(change("b1")), closed);
    assert_eq!(world.refused(close("b1")), closed);
    assert_eq!(closed.to_string(), "the batch b1 is closed");
}

#[test]
fn lines_of_a_closed_batch_move_and_it_accepts_no_new_ones() {
    let world = World::allocation();
    world.batch("b1", "VASE", 50, None);
    world.batch("b2", "VASE", 25, Some("2011-01-10"));
    world.allocate("o1", "VASE", 20);
    world.allocate("o2", "VASE", 20);
    let head = world.head();
    let closed = world.send(close("b1")).unwrap();
    assert_eq!(moves(&closed.moved), [["o1", "b1", "b2"], ["o2", "b1", "-"]]);
    assert_eq!(closed.batch.state, BatchPhase::Closed);
    let state = world.state("b1");
    assert_eq!((state.available_quantity, state.allocated_quantity), (0, 0));
    assert_eq!(
        world.event_names(head),
        ["batch_closed", "deallocated", "deallocated", "allocated", "stock_exhausted"]
    );
    assert_eq!(super::batch_of(&world.allocate("o3", "VASE", 6)), None);
    world.check();
}

#[test]
fn a_change_is_made_only_to_the_batch_that_was_seen() {
    let world = World::allocation();
    world.batch("b1", "VASE", 50, None);
    let seen = batch_etag(&world.state("b1"));
    world.allocate("o1", "VASE", 20);
    let conditional = |tag: &str| ChangeBatch {
        quantity: level(30),
        if_match: vec![tag.to_owned()],
        ..change("b1")
    };
    let now = batch_etag(&world.state("b1"));
    let changed = BatchRefused::Changed { reference: reference_of("b1"), etag: now.clone() };
    assert_eq!(world.refused(conditional(&seen)), changed);
    assert_eq!(changed.to_string(), "the batch b1 has changed meanwhile");
    world.send(conditional(&now)).unwrap();
    let mut closing = close("b1");
    closing.if_match = vec![now.clone(), "b99".into()];
    assert!(matches!(world.refused(closing.clone()), BatchRefused::Changed { .. }));
    closing.if_match.push(batch_etag(&world.state("b1")));
    world.send(closing).unwrap();
}

#[test]
fn the_plan_of_a_dry_run_is_a_precondition_for_its_exact_change() {
    let world = World::allocation();
    world.batch("b1", "VASE", 50, None);
    world.batch("b2", "VASE", 50, Some("2011-01-10"));
    world.allocate("o1", "VASE", 20);
    let change = ChangeBatch { quantity: level(10), ..change("b1") };
    let (head, before) = (world.head(), world.state("b1"));
    let (reply, names) = world.dry_run(change.clone());
    let expected = reply.ending.unwrap();
    assert_eq!(moves(&expected.moved), [["o1", "b1", "b2"]]);
    assert_eq!(expected.batch.purchased_quantity, 10);
    let events = ["batch_resized", "deallocated", "allocated"];
    assert_eq!(names, events.map(|it| format!("allocation.{it}")));
    assert_eq!((world.head(), world.state("b1")), (head, before), "nothing was stored");

    // The stock has changed since the dry run, although this batch has not.
    world.batch("b0", "VASE", 5, None);
    let conditional = ChangeBatch { if_match: vec![expected.plan], ..change.clone() };
    assert!(matches!(world.refused(conditional), BatchRefused::Changed { .. }));
    let expected = world.dry_run(change.clone()).0.ending.unwrap();
    let conditional = ChangeBatch { if_match: vec![expected.plan.clone()], ..change };
    let done = world.send(conditional).unwrap();
    assert_eq!(done, expected);
    world.check();
}

#[test]
fn a_rehearsal_of_anything_keeps_nothing() {
    let world = World::allocation();
    world.batch("b1", "VASE", 50, None);
    world.allocate("o1", "VASE", 20);
    let (head, before) = (world.head(), world.state("b1"));
    let (reply, names) = world.dry_run(batch("b2", "VASE", 5, None));
    assert!(!reply.ending.unwrap().existed);
    assert_eq!(names, ["allocation.reference_claimed", "allocation.batch_created"]);
    let (reply, names) = world.dry_run(super::line("o2", "VASE", 20));
    assert_eq!(super::batch_of(&reply.ending.unwrap()), Some("b1"));
    assert_eq!(names, ["allocation.allocated"]);
    let (reply, names) = world.dry_run(close("b1"));
    assert_eq!(reply.ending.unwrap().moved.len(), 1);
    assert_eq!(names.len(), 3);
    let (reply, names) = world.dry_run(super::deallocate("o1", "VASE"));
    assert!(reply.ending.is_ok());
    assert_eq!(names, ["allocation.released"]);
    assert_eq!((world.head(), world.state("b1")), (head, before));
    let created = world.send(batch("b2", "VASE", 6, None)).unwrap();
    assert!(!created.existed, "a dry run does not claim the reference");
}

#[test]
fn reasons_are_truncated_to_200_characters() {
    let world = World::allocation();
    world.batch("b1", "VASE", 50, None);
    let reason = "ä".repeat(300);
    world.send(ChangeBatch { quantity: level(49), reason, ..change("b1") }).unwrap();
    let events = world.events(0);
    assert_eq!(events[1].event.reason().map(|it| it.chars().count()), Some(200));
}
