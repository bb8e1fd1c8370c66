//! Releases, shipments and returns of lines.

use earmark_contracts::allocation::{
    Deallocate, Disposition, LinePhase, LineRefused, Return, Ship,
};
use serde_json::json;

use super::{
    World, batch_of, close, deallocate, key, line, line_id, moves, order_id, reference_of, sku,
    units,
};

pub(super) fn ship(order: &str, quantity: Option<u64>) -> Ship {
    let (order_id, line_id) = (order_id(order), line_id("VASE"));
    Ship { order_id, line_id, sku: None, quantity: quantity.map(units) }
}

pub(super) fn return_goods(order: &str, quantity: u64, disposition: Disposition) -> Return {
    Return {
        order_id: order_id(order),
        line_id: line_id("VASE"),
        sku: None,
        quantity: units(quantity),
        disposition,
        batch: None,
    }
}

fn world() -> World {
    let world = World::allocation();
    world.batch("b1", "VASE", 50, None);
    world.allocate("o1", "VASE", 20);
    world
}

fn unknown(order: &str) -> LineRefused {
    LineRefused::UnknownLine { order_id: order_id(order), line_id: line_id("VASE") }
}

fn phase_and_requirement(refused: LineRefused) -> (LinePhase, String) {
    match refused {
        LineRefused::WrongPhase { is, requirement, .. } => (is, requirement),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_released_line_frees_its_units_and_its_id() {
    let world = world();
    let released = world.send(deallocate("o1", "VASE")).unwrap();
    assert_eq!(
        serde_json::to_value(&released).unwrap(),
        json!({
            "line": {
                "order_id": "o1",
                "line_id": "VASE",
                "sku": "VASE",
                "quantity": 20,
                "state": "released",
                "batch": null,
                "promised": null,
                "need_by": null,
                "priority": 5,
                "shipped_quantity": 0,
                "returned_quantity": 0,
                "held_until_ms": null,
            },
            "moved": [],
        })
    );
    assert_eq!(world.totals("b1"), [50, 0, 0, 50]);
    assert!(world.lines("o1").is_empty());
    assert_eq!(world.refused(deallocate("o1", "VASE")), unknown("o1"));
    assert_eq!(batch_of(&world.allocate("o1", "VASE", 30)), Some("b1"), "the id can be used again");
    world.check();
}

#[test]
fn a_short_line_can_be_released() {
    let world = world();
    world.queue("o2", "VASE", 40);
    assert!(world.send(deallocate("o2", "VASE")).unwrap().moved.is_empty());
    assert!(world.lines("o2").is_empty());
    assert!(world.resize("b1", 100).moved.is_empty());
    world.check();
}

#[test]
fn a_line_id_with_several_skus_requires_the_sku() {
    let world = world();
    world.batch("b2", "LAMP", 50, None);
    let lamp = earmark_contracts::allocation::Allocate {
        line_id: Some(line_id("VASE")),
        ..line("o1", "LAMP", 5)
    };
    world.send(lamp).unwrap();
    let ambiguous =
        LineRefused::AmbiguousLine { order_id: order_id("o1"), line_id: line_id("VASE") };
    assert_eq!(world.refused(deallocate("o1", "VASE")), ambiguous);
    assert_eq!(world.refused(ship("o1", None)), ambiguous);
    assert_eq!(world.refused(return_goods("o1", 1, Disposition::WriteOff)), ambiguous);
    let of_sku = |name| Deallocate { sku: Some(sku(name)), ..deallocate("o1", "VASE") };
    world.send(of_sku("LAMP")).unwrap();
    assert_eq!(world.batches_of("o1"), ["b1"]);
    assert_eq!(world.refused(of_sku("CLOCK")), unknown("o1"), "an unknown SKU");
    world.send(deallocate("o1", "VASE")).unwrap();
    world.check();
}

#[test]
fn a_shipment_reduces_purchased_and_allocated_units_in_one_event() {
    let world = world();
    let head = world.head();
    let moved = world.send(ship("o1", None)).unwrap();
    assert_eq!(world.event_names(head), ["shipped"]);
    assert_eq!(world.totals("b1"), [30, 0, 0, 30]);
    assert_eq!(moved.batch, Some(world.state("b1")));
    assert_eq!(vec![moved.line.clone()], world.lines("o1"));
    assert_eq!((moved.line.state, moved.line.shipped_quantity), (LinePhase::Shipped, 20));
    assert_eq!(moved.line.batch, Some(reference_of("b1")));
    world.check();
}

#[test]
fn a_line_can_be_shipped_in_parts() {
    let world = world();
    let moved = world.send(ship("o1", Some(5))).unwrap();
    assert_eq!((moved.line.state, moved.line.shipped_quantity), (LinePhase::Placed, 5));
    assert_eq!(world.totals("b1"), [45, 15, 0, 30]);
    let refusal = world.refused(ship("o1", Some(16)));
    assert_eq!(refusal, LineRefused::TooMany { requested: 16, possible: 15 });
    assert_eq!(refusal.to_string(), "16 units are more than the 15 that are left");
    world.send(ship("o1", Some(15))).unwrap();
    assert_eq!(world.lines("o1")[0].state, LinePhase::Shipped);
    let (is, requirement) = phase_and_requirement(world.refused(ship("o1", None)));
    assert_eq!(
        (is, &*requirement),
        (LinePhase::Shipped, "it must be placed; release or confirm a hold")
    );
    assert!(
        world.allocate("o1", "VASE", 20).already_accepted,
        "a repeated command changes nothing"
    );
    world.check();
}

#[test]
fn nothing_is_shipped_from_an_incoming_batch() {
    let world = world();
    world.change_eta("b1", Some("2011-01-10"));
    let refusal = world.refused(ship("o1", None));
    assert_eq!(refusal, LineRefused::NotInWarehouse { batch: reference_of("b1") });
    assert_eq!(refusal.to_string(), "the batch b1 is not in the warehouse");
}

#[test]
fn short_and_held_lines_cannot_be_shipped() {
    let world = world();
    assert_eq!(world.refused(ship("o9", None)), unknown("o9"));
    world.queue("o2", "VASE", 40);
    assert_eq!(phase_and_requirement(world.refused(ship("o2", None))).0, LinePhase::Short);
    world.send(super::holds::hold("o3", &[("VASE", 5)], 60)).unwrap();
    assert_eq!(phase_and_requirement(world.refused(ship("o3", None))).0, LinePhase::Held);
}

#[test]
fn a_partly_shipped_line_keeps_its_shipped_units_when_released() {
    let world = world();
    world.send(ship("o1", Some(5))).unwrap();
    let released = world.send(deallocate("o1", "VASE")).unwrap();
    assert_eq!((released.line.state, released.line.quantity), (LinePhase::Shipped, 5));
    assert_eq!(world.totals("b1"), [45, 0, 0, 45]);
    assert_eq!(world.lines("o1"), [released.line]);
    let (is, requirement) = phase_and_requirement(world.refused(deallocate("o1", "VASE")));
    assert_eq!((is, &*requirement), (LinePhase::Shipped, "it must be placed, held or short"));
    world.check();
}

#[test]
fn a_partly_shipped_short_line_can_be_released() {
    let world = world();
    world.send(ship("o1", Some(5))).unwrap();
    world.send(close("b1")).unwrap();
    assert_eq!(world.lines("o1")[0].state, LinePhase::Short);
    let released = world.send(deallocate("o1", "VASE")).unwrap();
    assert_eq!((released.line.state, released.line.quantity), (LinePhase::Shipped, 5));
    assert_eq!(released.line.batch, Some(reference_of("b1")));
    assert_eq!(world.stocks()["VASE"].line(&key("o1", "VASE")).unwrap().shipped, 5);
    assert_eq!(world.lines("o1").len(), 1);
    world.check();
}

#[test]
fn returned_units_are_restocked_into_the_batch_they_left() {
    let world = world();
    world.send(ship("o1", Some(15))).unwrap();
    world.send(return_goods("o1", 4, Disposition::Restock)).unwrap();
    assert_eq!(world.totals("b1"), [39, 5, 0, 34]);
    // The rest of the line moves to another batch; the shipped units came from the first.
    world.batch("b2", "VASE", 50, None);
    world.change_eta("b1", Some("2011-01-10"));
    world.change_eta("b1", None);
    assert_eq!(world.batches_of("o1"), ["b2"]);
    let moved = world.send(return_goods("o1", 1, Disposition::Restock)).unwrap();
    assert_eq!(moved.batch.map(|it| it.reference), Some(reference_of("b1")));
    assert_eq!(moved.line.returned_quantity, 5);
    let refusal = world.refused(return_goods("o1", 11, Disposition::Restock));
    assert_eq!(refusal, LineRefused::TooMany { requested: 11, possible: 10 });
    world.check();
}

#[test]
fn written_off_units_are_added_to_no_batch() {
    let world = world();
    world.send(ship("o1", None)).unwrap();
    let moved = world.send(return_goods("o1", 20, Disposition::WriteOff)).unwrap();
    assert_eq!((moved.batch, moved.line.returned_quantity), (None, 20));
    assert_eq!(world.totals("b1"), [30, 0, 0, 30]);
    world.check();
}

#[test]
fn returned_units_can_be_restocked_into_another_batch() {
    let world = world();
    world.send(ship("o1", None)).unwrap();
    world.batch("b2", "VASE", 1, None);
    world.queue("o2", "VASE", 50);
    let into = |name| Return {
        batch: Some(reference_of(name)),
        ..return_goods("o1", 10, Disposition::Restock)
    };
    let unknown = LineRefused::UnknownBatch { batch: reference_of("b9") };
    assert_eq!(world.refused(into("b9")), unknown);
    assert_eq!(unknown.to_string(), "no batch of this SKU has the reference b9");
    let moved = world.send(into("b2")).unwrap();
    assert!(moved.moved.is_empty());
    assert_eq!(world.totals("b2"), [11, 0, 0, 11]);
    world.resize("b2", 45);
    let moved = world.send(into("b2")).unwrap();
    assert_eq!(moves(&moved.moved), [["o2", "-", "b2"]]);
    assert_eq!(moved.batch.unwrap().available_quantity, 5);
    world.check();
}

#[test]
fn units_cannot_be_restocked_into_a_full_incoming_or_closed_batch() {
    let world = world();
    let restock = |quantity| return_goods("o1", quantity, Disposition::Restock);
    let (is, requirement) = phase_and_requirement(world.refused(restock(1)));
    assert_eq!((is, &*requirement), (LinePhase::Placed, "nothing of it has left"));
    world.send(ship("o1", None)).unwrap();
    world.resize("b1", 999_999_999);
    let full = LineRefused::TooMany { requested: 2, possible: 1 };
    assert_eq!(world.refused(restock(2)), full);
    world.change_eta("b1", Some("2011-01-10"));
    let not_in_warehouse = LineRefused::NotInWarehouse { batch: reference_of("b1") };
    assert_eq!(world.refused(restock(1)), not_in_warehouse);
    world.change_eta("b1", None);
    world.send(close("b1")).unwrap();
    assert_eq!(world.refused(restock(1)), not_in_warehouse);
    world.send(return_goods("o1", 1, Disposition::WriteOff)).unwrap();
}
