//! Lines are planned anew when stock changes: who loses, where they go, and who waits.

use earmark_contracts::allocation::{
    Allocate, BatchPhase, ChangeBatch, CreateBatch, Disposition, Return, Ship, WhenShort,
};
use earmark_contracts::values::Level;

use super::{World, batch, change, close, day, line, line_id, moves, order_id, priority, units};

#[test]
fn a_batch_that_shrinks_gives_its_latest_lines_to_others() {
    let world = World::new();
    world.batch("b1", "VASE", 50, None);
    world.batch("b2", "VASE", 50, Some("2011-01-10"));
    world.allocate("o1", "VASE", 20);
    world.allocate("o2", "VASE", 20);
    world.resize("b1", 25);
    assert_eq!(world.places("o1"), ["b1"]);
    assert_eq!(world.places("o2"), ["b2"]);
    assert_eq!(world.totals("b1"), [25, 20, 0, 5]);
    world.check();
}

#[test]
fn a_batch_that_shrinks_within_what_is_free_moves_nobody() {
    let world = World::new();
    world.batch("b1", "VASE", 50, None);
    world.allocate("o1", "VASE", 20);
    let head = world.head();
    assert!(world.resize("b1", 20).moved.is_empty());
    assert_eq!(world.names(head), ["batch_quantity_changed"]);
}

#[test]
fn held_lines_lose_first_then_the_least_important_then_the_latest() {
    let world = World::new();
    world.batch("b1", "VASE", 50, None);
    let at = |order: &str, level| Allocate { priority: priority(level), ..line(order, "VASE", 10) };
    world.send(super::holds::hold("held", &[("VASE", 10)], 3_600)).unwrap();
    world.send(at("low", 1)).unwrap();
    world.send(at("early", 5)).unwrap();
    world.send(at("high", 9)).unwrap();
    world.send(at("late", 5)).unwrap();
    let mut lost = Vec::new();
    for quantity in [40, 30, 20, 10, 0] {
        let moved = world.resize("b1", quantity).moved;
        lost.extend(moves(&moved).into_iter().map(|[order, ..]| order));
    }
    assert_eq!(lost, ["held", "low", "late", "early", "high"]);
    assert_eq!(world.places("held"), ["HoldEnded"]);
    world.check();
}

#[test]
fn who_loses_together_is_placed_again_in_order_of_service() {
    let world = World::new();
    world.batch("b1", "VASE", 30, None);
    world.allocate("first", "VASE", 10);
    world.allocate("second", "VASE", 10);
    world.batch("b2", "VASE", 10, Some("2011-01-10"));
    world.batch("b3", "VASE", 10, Some("2011-01-20"));
    let changed = world.resize("b1", 0);
    assert_eq!(moves(&changed.moved), [["first", "b1", "b2"], ["second", "b1", "b3"]]);
}

#[test]
fn what_whole_lines_leave_free_is_filled_after_all_losers_had_their_turn() {
    let world = World::new();
    world.batch("here", "VASE", 3, None);
    world.allocate("gone", "VASE", 3);
    world.batch("b1", "VASE", 11, Some("2011-02-01"));
    world.allocate("large", "VASE", 10);
    world.allocate("small", "VASE", 1);
    world.deallocate("gone", "VASE");
    // Ten units leave with `large`, so `small` could stay; but the warehouse has room, as in the
    // book.
    let changed = world.resize("b1", 6);
    assert_eq!(moves(&changed.moved), [["large", "b1", "-"], ["small", "b1", "here"]]);
    world.check();
}

#[test]
fn a_small_loser_goes_back_when_a_large_one_has_left_room() {
    let world = World::new();
    world.batch("b1", "VASE", 11, None);
    world.allocate("large", "VASE", 10);
    world.allocate("small", "VASE", 1);
    let changed = world.resize("b1", 6);
    assert_eq!(moves(&changed.moved), [["large", "b1", "-"]], "what is where it was has not moved");
    assert_eq!(world.places("small"), ["b1"]);
    world.check();
}

#[test]
fn a_line_that_lost_its_place_waits_and_is_placed_when_stock_comes() {
    let world = World::new();
    world.batch("b1", "LAMP", 30, None);
    world.allocate("o1", "LAMP", 20);
    let head = world.head();
    world.resize("b1", 10);
    assert_eq!(world.names(head), ["batch_quantity_changed", "deallocated", "out_of_stock"]);
    assert_eq!(world.places("o1"), ["Short"]);
    let created = world.send(batch("b2", "LAMP", 30, None)).unwrap();
    assert_eq!(moves(&created.moved), [["o1", "-", "b2"]]);
    assert_eq!(created.batch.available_quantity, 10);
    assert_eq!(world.places("o1"), ["b2"]);
    world.check();
}

#[test]
fn those_who_wait_are_served_by_importance_then_in_order() {
    let world = World::new();
    world.batch("b1", "LAMP", 1, None);
    let wait = |order, level| {
        let short = WhenShort::Queue;
        world.send(Allocate { priority: priority(level), short, ..line(order, "LAMP", 10) })
    };
    for (order, level) in [("low", 0), ("first", 5), ("second", 5), ("high", 9)] {
        wait(order, level).unwrap();
    }
    let created = world.send(batch("b2", "LAMP", 25, None)).unwrap();
    assert_eq!(moves(&created.moved), [["high", "-", "b2"], ["first", "-", "b2"]]);
    let grown = world.resize("b2", 30);
    assert_eq!(moves(&grown.moved), [["second", "-", "b2"]]);
    world.check();
}

#[test]
fn who_does_not_fit_keeps_nobody_smaller_from_a_place() {
    let world = World::new();
    world.batch("b1", "LAMP", 1, None);
    world.queue("large", "LAMP", 100);
    world.queue("small", "LAMP", 10);
    let created = world.send(batch("b2", "LAMP", 20, None)).unwrap();
    assert_eq!(moves(&created.moved), [["small", "-", "b2"]]);
    world.check();
}

#[test]
fn a_line_that_waits_gets_what_another_releases() {
    let world = World::new();
    world.batch("b1", "LAMP", 20, None);
    world.allocate("o1", "LAMP", 15);
    world.queue("o2", "LAMP", 10);
    assert_eq!(world.deallocate("o1", "LAMP"), [["o2", "-", "b1"]]);
    world.check();
}

#[test]
fn a_line_that_waits_gets_goods_that_come_back() {
    let world = World::new();
    world.batch("b1", "LAMP", 20, None);
    world.allocate("o1", "LAMP", 15);
    world.queue("o2", "LAMP", 10);
    let (order_id, line_id) = (order_id("o1"), line_id("LAMP"));
    let ship =
        Ship { order_id: order_id.clone(), line_id: line_id.clone(), sku: None, quantity: None };
    assert!(world.send(ship).unwrap().moved.is_empty(), "what leaves makes no room");
    let returned = Return {
        order_id,
        line_id,
        sku: None,
        quantity: units(5),
        disposition: Disposition::Restock,
        batch: None,
    };
    let moved = world.send(returned).unwrap().moved;
    assert_eq!(moves(&moved), [["o2", "-", "b1"]]);
    world.check();
}

#[test]
fn lines_of_a_batch_that_slips_go_where_they_are_served_earlier() {
    let world = World::new();
    world.batch("b1", "LAMP", 100, Some("2011-01-10"));
    world.allocate("o1", "LAMP", 10);
    world.allocate("o2", "LAMP", 10);
    world.allocate("o3", "LAMP", 30);
    world.batch("b2", "LAMP", 25, Some("2011-01-20"));
    let changed = world.slip("b1", Some("2011-02-01"));
    assert_eq!(moves(&changed.moved), [["o1", "b1", "b2"], ["o2", "b1", "b2"]]);
    assert_eq!(changed.batch.eta, Some(day("2011-02-01")));
    assert_eq!(world.lines("o3")[0].promised, Some(day("2011-02-01")), "the promise follows");
    world.check();
}

#[test]
fn a_line_that_would_be_late_goes_first_when_a_batch_slips() {
    let world = World::new();
    world.batch("b1", "LAMP", 100, Some("2011-01-10"));
    world.allocate("patient", "LAMP", 20);
    let need_by = Some(day("2011-01-25"));
    world.send(Allocate { need_by, ..line("urgent", "LAMP", 20) }).unwrap();
    world.batch("b2", "LAMP", 20, Some("2011-01-20"));
    let changed = world.slip("b1", Some("2011-02-01"));
    assert_eq!(moves(&changed.moved), [["urgent", "b1", "b2"]]);
    let changed = world.slip("b1", Some("2011-02-02"));
    assert!(changed.moved.is_empty());
    world.check();
}

#[test]
fn a_late_line_that_nobody_serves_earlier_keeps_its_place() {
    let world = World::new();
    world.batch("b1", "LAMP", 100, Some("2011-01-10"));
    let need_by = Some(day("2011-01-25"));
    world.send(Allocate { need_by, ..line("urgent", "LAMP", 20) }).unwrap();
    world.batch("b2", "LAMP", 19, Some("2011-01-20"));
    assert!(world.slip("b1", Some("2011-02-01")).moved.is_empty());
    assert_eq!(world.places("urgent"), ["b1"]);
    assert_eq!(world.lines("urgent")[0].promised, Some(day("2011-02-01")));
}

#[test]
fn what_a_slip_leaves_free_goes_to_those_who_wait() {
    let world = World::new();
    world.batch("b1", "LAMP", 20, Some("2011-01-10"));
    world.allocate("o1", "LAMP", 20);
    world.queue("o2", "LAMP", 15);
    world.batch("b2", "LAMP", 14, Some("2011-01-20"));
    world.resize("b2", 14);
    let changed = world.slip("b1", Some("2011-02-01"));
    assert!(changed.moved.is_empty());
    world.resize("b2", 25);
    assert_eq!(world.places("o2"), ["b2"]);
    world.check();
}

#[test]
fn a_batch_that_comes_earlier_is_in_time_for_those_who_wait() {
    let world = World::new();
    world.batch("b1", "LAMP", 20, Some("2011-02-10"));
    let need_by = Some(day("2011-01-25"));
    let wanted = Allocate { need_by, short: WhenShort::Queue, ..line("o1", "LAMP", 20) };
    world.send(wanted).unwrap();
    assert!(world.slip("b1", Some("2011-01-26")).moved.is_empty());
    let changed = world.slip("b1", Some("2011-01-25"));
    assert_eq!(moves(&changed.moved), [["o1", "-", "b1"]]);
    world.check();
}

#[test]
fn a_batch_that_arrives_keeps_its_lines_and_promises_the_day() {
    let world = World::new();
    world.batch("b1", "LAMP", 20, Some("2011-02-10"));
    world.allocate("o1", "LAMP", 5);
    world.pass_hours(24 * 5);
    let changed = world.slip("b1", None);
    assert_eq!(changed.batch.state, BatchPhase::InWarehouse);
    assert_eq!(world.lines("o1")[0].promised, Some(day("2011-01-07")));
    world.pass_hours(24);
    world.allocate("o2", "LAMP", 5);
    assert_eq!(world.lines("o2")[0].promised, Some(day("2011-01-08")));
}

#[test]
fn a_batch_back_on_its_way_gives_its_lines_to_the_warehouse() {
    let world = World::new();
    world.batch("b1", "LAMP", 20, None);
    world.allocate("o1", "LAMP", 20);
    world.batch("b2", "LAMP", 20, None);
    let changed = world.slip("b1", Some("2011-01-10"));
    assert_eq!(moves(&changed.moved), [["o1", "b1", "b2"]]);
    world.check();
}

#[test]
fn a_batch_may_slip_and_shrink_at_once() {
    let world = World::new();
    world.batch("b1", "LAMP", 40, Some("2011-01-10"));
    world.allocate("o1", "LAMP", 20);
    world.allocate("o2", "LAMP", 20);
    world.batch("b2", "LAMP", 20, Some("2011-01-20"));
    let both = ChangeBatch {
        quantity: Some(Level::new(15).unwrap()),
        eta: Some(Some(day("2011-02-01"))),
        ..change("b1")
    };
    let changed = world.send(both).unwrap();
    assert_eq!(moves(&changed.moved), [["o1", "b1", "b2"], ["o2", "b1", "-"]]);
    world.check();
}

fn expiring(reference: &str, quantity: u64, expires: &str) -> CreateBatch {
    CreateBatch { expires: Some(day(expires)), ..batch(reference, "MILK", quantity, None) }
}

#[test]
fn a_batch_expires_at_the_beginning_of_its_day() {
    for swept in [true, false] {
        let world = World::new();
        world.send(expiring("old", 20, "2011-01-04")).unwrap();
        world.allocate("o1", "MILK", 20);
        world.send(expiring("new", 20, "2011-02-04")).unwrap();
        world.pass_hours(35);
        assert_eq!(world.sweep(), 0, "23:00 of the day before");
        assert_eq!(world.places("o1"), ["old"]);
        world.pass_hours(1);
        let head = world.head();
        if swept {
            assert_eq!(world.sweep(), 1);
            assert_eq!(world.sweep(), 0, "a timer rings once");
        } else {
            world.allocate("o2", "MILK", 1);
        }
        let names = world.names(head);
        assert_eq!(names[..3], ["batch_closed", "deallocated", "allocated"], "swept: {swept}");
        assert_eq!(world.places("o1"), ["new"]);
        assert_eq!(world.state("old").state, BatchPhase::Expired);
        world.check();
    }
}

#[test]
fn who_gets_a_place_does_not_hang_on_when_somebody_looks() {
    for punctual in [true, false] {
        let world = World::new();
        world.batch("b0", "MILK", 10, None);
        world.send(super::holds::hold("held", &[("MILK", 10)], 3_600)).unwrap();
        world.send(expiring("old", 10, "2011-01-03")).unwrap();
        let important = Allocate { priority: priority(9), ..line("important", "MILK", 10) };
        world.send(important).unwrap();
        world.queue("waits", "MILK", 10);
        // At 13:00 the hold ends, at 24:00 the batch expires.
        for hours in [1, 11] {
            world.pass_hours(hours);
            if punctual {
                world.sweep();
            }
        }
        world.sweep();
        assert_eq!(world.places("waits"), ["b0"], "punctual: {punctual}");
        assert_eq!(world.places("important"), ["Short"]);
        world.check();
    }
}

#[test]
fn a_batch_that_has_expired_already_promises_nothing() {
    let world = World::new();
    world.batch("b0", "MILK", 1, None);
    world.queue("o1", "MILK", 5);
    let created = world.send(expiring("old", 20, "2011-01-02")).unwrap();
    assert!(created.moved.is_empty());
    assert_eq!(super::batch_of(&world.allocate("o2", "MILK", 5)), None);
    assert_eq!(world.state("old").state, BatchPhase::Expired);
    assert_eq!(world.places("o1"), ["Short"]);
    world.check();
}

#[test]
fn closing_a_batch_ends_its_expiry() {
    let world = World::new();
    world.send(expiring("old", 20, "2011-01-04")).unwrap();
    world.send(close("old")).unwrap();
    world.pass_hours(72);
    let head = world.head();
    world.sweep();
    assert_eq!(world.head(), head);
    assert_eq!(world.state("old").state, BatchPhase::Closed);
}
