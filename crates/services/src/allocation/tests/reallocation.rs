//! Reallocation of lines when stock changes.

use earmark_contracts::allocation::{
    Allocate, BatchPhase, ChangeBatch, CreateBatch, Disposition, Return, Ship, WhenShort,
};
use earmark_contracts::values::Level;

use super::{World, batch, change, close, day, line, line_id, moves, order_id, priority, units};

#[test]
fn the_latest_lines_of_a_batch_that_shrinks_move_to_other_batches() {
    let world = World::allocation();
    world.batch("b1", "VASE", 50, None);
    world.batch("b2", "VASE", 50, Some("2011-01-10"));
    world.allocate("o1", "VASE", 20);
    world.allocate("o2", "VASE", 20);
    world.resize("b1", 25);
    assert_eq!(world.batches_of("o1"), ["b1"]);
    assert_eq!(world.batches_of("o2"), ["b2"]);
    assert_eq!(world.totals("b1"), [25, 20, 0, 5]);
    world.check();
}

#[test]
fn a_batch_that_shrinks_by_available_units_moves_no_line() {
    let world = World::allocation();
    world.batch("b1", "VASE", 50, None);
    world.allocate("o1", "VASE", 20);
    let head = world.head();
    assert!(world.resize("b1", 20).moved.is_empty());
    assert_eq!(world.event_names(head), ["batch_resized"]);
}

#[test]
fn held_lines_lose_stock_first_then_the_lowest_priority_then_the_latest() {
    let world = World::allocation();
    world.batch("b1", "VASE", 50, None);
    let at_priority =
        |order: &str, level| Allocate { priority: priority(level), ..line(order, "VASE", 10) };
    world.send(super::holds::hold("held", &[("VASE", 10)], 3_600)).unwrap();
    world.send(at_priority("low", 1)).unwrap();
    world.send(at_priority("early", 5)).unwrap();
    world.send(at_priority("high", 9)).unwrap();
    world.send(at_priority("late", 5)).unwrap();
    let mut deallocated = Vec::new();
    for quantity in [40, 30, 20, 10, 0] {
        let moved = world.resize("b1", quantity).moved;
        deallocated.extend(moves(&moved).into_iter().map(|[order, ..]| order));
    }
    assert_eq!(deallocated, ["held", "low", "late", "early", "high"]);
    assert_eq!(world.batches_of("held"), ["Missing"]);
    world.check();
}

#[test]
fn lines_deallocated_together_are_reallocated_in_rank_order() {
    let world = World::allocation();
    world.batch("b1", "VASE", 30, None);
    world.allocate("first", "VASE", 10);
    world.allocate("second", "VASE", 10);
    world.batch("b2", "VASE", 10, Some("2011-01-10"));
    world.batch("b3", "VASE", 10, Some("2011-01-20"));
    let changed = world.resize("b1", 0);
    assert_eq!(moves(&changed.moved), [["first", "b1", "b2"], ["second", "b1", "b3"]]);
}

#[test]
fn units_left_by_whole_lines_go_to_short_lines_after_all_deallocated_lines_were_reallocated() {
    let world = World::allocation();
    world.batch("here", "VASE", 3, None);
    world.allocate("gone", "VASE", 3);
    world.batch("b1", "VASE", 11, Some("2011-02-01"));
    world.allocate("large", "VASE", 10);
    world.allocate("small", "VASE", 1);
    world.deallocate("gone", "VASE");
    // `large` frees ten units, so `small` could stay, but it moves to the warehouse as in the book.
    let changed = world.resize("b1", 6);
    assert_eq!(moves(&changed.moved), [["large", "b1", "-"], ["small", "b1", "here"]]);
    world.check();
}

#[test]
fn a_small_deallocated_line_returns_to_the_room_left_by_a_large_one() {
    let world = World::allocation();
    world.batch("b1", "VASE", 11, None);
    world.allocate("large", "VASE", 10);
    world.allocate("small", "VASE", 1);
    let changed = world.resize("b1", 6);
    assert_eq!(
        moves(&changed.moved),
        [["large", "b1", "-"]],
        "a line in the same batch has not moved"
    );
    assert_eq!(world.batches_of("small"), ["b1"]);
    world.check();
}

#[test]
fn a_line_that_lost_its_batch_is_allocated_when_stock_arrives() {
    let world = World::allocation();
    world.batch("b1", "LAMP", 30, None);
    world.allocate("o1", "LAMP", 20);
    let head = world.head();
    world.resize("b1", 10);
    assert_eq!(world.event_names(head), ["batch_resized", "deallocated", "stock_exhausted"]);
    assert_eq!(world.batches_of("o1"), ["Short"]);
    let created = world.send(batch("b2", "LAMP", 30, None)).unwrap();
    assert_eq!(moves(&created.moved), [["o1", "-", "b2"]]);
    assert_eq!(created.batch.available_quantity, 10);
    assert_eq!(world.batches_of("o1"), ["b2"]);
    world.check();
}

#[test]
fn short_lines_are_allocated_by_priority_then_in_order() {
    let world = World::allocation();
    world.batch("b1", "LAMP", 1, None);
    let queue = |order, level| {
        let short = WhenShort::Queue;
        world.send(Allocate { priority: priority(level), short, ..line(order, "LAMP", 10) })
    };
    for (order, level) in [("low", 0), ("first", 5), ("second", 5), ("high", 9)] {
        queue(order, level).unwrap();
    }
    let created = world.send(batch("b2", "LAMP", 25, None)).unwrap();
    assert_eq!(moves(&created.moved), [["high", "-", "b2"], ["first", "-", "b2"]]);
    let grown = world.resize("b2", 30);
    assert_eq!(moves(&grown.moved), [["second", "-", "b2"]]);
    world.check();
}

#[test]
fn a_line_that_does_not_fit_does_not_block_smaller_ones() {
    let world = World::allocation();
    world.batch("b1", "LAMP", 1, None);
    world.queue("large", "LAMP", 100);
    world.queue("small", "LAMP", 10);
    let created = world.send(batch("b2", "LAMP", 20, None)).unwrap();
    assert_eq!(moves(&created.moved), [["small", "-", "b2"]]);
    world.check();
}

#[test]
fn a_short_line_gets_released_units() {
    let world = World::allocation();
    world.batch("b1", "LAMP", 20, None);
    world.allocate("o1", "LAMP", 15);
    world.queue("o2", "LAMP", 10);
    assert_eq!(world.deallocate("o1", "LAMP"), [["o2", "-", "b1"]]);
    world.check();
}

#[test]
fn a_short_line_gets_restocked_units() {
    let world = World::allocation();
    world.batch("b1", "LAMP", 20, None);
    world.allocate("o1", "LAMP", 15);
    world.queue("o2", "LAMP", 10);
    let (order_id, line_id) = (order_id("o1"), line_id("LAMP"));
    let ship =
        Ship { order_id: order_id.clone(), line_id: line_id.clone(), sku: None, quantity: None };
    assert!(world.send(ship).unwrap().moved.is_empty(), "a shipment frees no units");
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
fn lines_of_a_delayed_batch_move_to_an_earlier_one() {
    let world = World::allocation();
    world.batch("b1", "LAMP", 100, Some("2011-01-10"));
    world.allocate("o1", "LAMP", 10);
    world.allocate("o2", "LAMP", 10);
    world.allocate("o3", "LAMP", 30);
    world.batch("b2", "LAMP", 25, Some("2011-01-20"));
    let changed = world.change_eta("b1", Some("2011-02-01"));
    assert_eq!(moves(&changed.moved), [["o1", "b1", "b2"], ["o2", "b1", "b2"]]);
    assert_eq!(changed.batch.eta, Some(day("2011-02-01")));
    assert_eq!(
        world.lines("o3")[0].promised,
        Some(day("2011-02-01")),
        "the promise follows the ETA"
    );
    world.check();
}

#[test]
fn a_line_that_would_be_late_moves_first_when_a_batch_is_delayed() {
    let world = World::allocation();
    world.batch("b1", "LAMP", 100, Some("2011-01-10"));
    world.allocate("patient", "LAMP", 20);
    let need_by = Some(day("2011-01-25"));
    world.send(Allocate { need_by, ..line("urgent", "LAMP", 20) }).unwrap();
    world.batch("b2", "LAMP", 20, Some("2011-01-20"));
    let changed = world.change_eta("b1", Some("2011-02-01"));
    assert_eq!(moves(&changed.moved), [["urgent", "b1", "b2"]]);
    let changed = world.change_eta("b1", Some("2011-02-02"));
    assert!(changed.moved.is_empty());
    world.check();
}

#[test]
fn a_late_line_without_an_earlier_batch_keeps_its_batch() {
    let world = World::allocation();
    world.batch("b1", "LAMP", 100, Some("2011-01-10"));
    let need_by = Some(day("2011-01-25"));
    world.send(Allocate { need_by, ..line("urgent", "LAMP", 20) }).unwrap();
    world.batch("b2", "LAMP", 19, Some("2011-01-20"));
    assert!(world.change_eta("b1", Some("2011-02-01")).moved.is_empty());
    assert_eq!(world.batches_of("urgent"), ["b1"]);
    assert_eq!(world.lines("urgent")[0].promised, Some(day("2011-02-01")));
}

#[test]
fn a_short_line_gets_stock_after_a_delay() {
    let world = World::allocation();
    world.batch("b1", "LAMP", 20, Some("2011-01-10"));
    world.allocate("o1", "LAMP", 20);
    world.queue("o2", "LAMP", 15);
    world.batch("b2", "LAMP", 14, Some("2011-01-20"));
    world.resize("b2", 14);
    let changed = world.change_eta("b1", Some("2011-02-01"));
    assert!(changed.moved.is_empty());
    world.resize("b2", 25);
    assert_eq!(world.batches_of("o2"), ["b2"]);
    world.check();
}

#[test]
fn a_batch_that_comes_earlier_is_in_time_for_short_lines() {
    let world = World::allocation();
    world.batch("b1", "LAMP", 20, Some("2011-02-10"));
    let need_by = Some(day("2011-01-25"));
    let command = Allocate { need_by, short: WhenShort::Queue, ..line("o1", "LAMP", 20) };
    world.send(command).unwrap();
    assert!(world.change_eta("b1", Some("2011-01-26")).moved.is_empty());
    let changed = world.change_eta("b1", Some("2011-01-25"));
    assert_eq!(moves(&changed.moved), [["o1", "-", "b1"]]);
    world.check();
}

#[test]
fn a_batch_that_arrives_keeps_its_lines_and_promises_the_day_of_arrival() {
    let world = World::allocation();
    world.batch("b1", "LAMP", 20, Some("2011-02-10"));
    world.allocate("o1", "LAMP", 5);
    world.advance_hours(24 * 5);
    let changed = world.change_eta("b1", None);
    assert_eq!(changed.batch.state, BatchPhase::InWarehouse);
    assert_eq!(world.lines("o1")[0].promised, Some(day("2011-01-07")));
    world.advance_hours(24);
    world.allocate("o2", "LAMP", 5);
    assert_eq!(world.lines("o2")[0].promised, Some(day("2011-01-08")));
}

#[test]
fn lines_of_a_batch_that_becomes_incoming_again_move_to_the_warehouse() {
    let world = World::allocation();
    world.batch("b1", "LAMP", 20, None);
    world.allocate("o1", "LAMP", 20);
    world.batch("b2", "LAMP", 20, None);
    let changed = world.change_eta("b1", Some("2011-01-10"));
    assert_eq!(moves(&changed.moved), [["o1", "b1", "b2"]]);
    world.check();
}

#[test]
fn a_batch_can_be_delayed_and_shrink_in_one_command() {
    let world = World::allocation();
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
        let world = World::allocation();
        world.send(expiring("old", 20, "2011-01-04")).unwrap();
        world.allocate("o1", "MILK", 20);
        world.send(expiring("new", 20, "2011-02-04")).unwrap();
        world.advance_hours(35);
        assert_eq!(world.sweep(), 0, "23:00 of the day before");
        assert_eq!(world.batches_of("o1"), ["old"]);
        world.advance_hours(1);
        let head = world.head();
        if swept {
            assert_eq!(world.sweep(), 1);
            assert_eq!(world.sweep(), 0, "a timer runs once");
        } else {
            world.allocate("o2", "MILK", 1);
        }
        let names = world.event_names(head);
        assert_eq!(names[..3], ["batch_closed", "deallocated", "allocated"], "swept: {swept}");
        assert_eq!(world.batches_of("o1"), ["new"]);
        assert_eq!(world.state("old").state, BatchPhase::Expired);
        world.check();
    }
}

#[test]
fn allocation_does_not_depend_on_when_timers_run() {
    for punctual in [true, false] {
        let world = World::allocation_parts(1);
        world.batch("b0", "MILK", 10, None);
        world.hold_as_before("held", &[("MILK", 10)], 3_600);
        world.send(expiring("old", 10, "2011-01-03")).unwrap();
        let important = Allocate { priority: priority(9), ..line("important", "MILK", 10) };
        world.send(important).unwrap();
        world.queue("waits", "MILK", 10);
        // The hold ends at 13:00, the batch expires at 24:00.
        for hours in [1, 11] {
            world.advance_hours(hours);
            if punctual {
                world.sweep();
            }
        }
        world.sweep();
        assert_eq!(world.batches_of("waits"), ["b0"], "punctual: {punctual}");
        assert_eq!(world.batches_of("important"), ["Short"]);
        world.check();
    }
}

#[test]
fn a_batch_created_expired_promises_nothing() {
    let world = World::allocation();
    world.batch("b0", "MILK", 1, None);
    world.queue("o1", "MILK", 5);
    let created = world.send(expiring("old", 20, "2011-01-02")).unwrap();
    assert!(created.moved.is_empty());
    assert_eq!(super::batch_of(&world.allocate("o2", "MILK", 5)), None);
    assert_eq!(world.state("old").state, BatchPhase::Expired);
    assert_eq!(world.batches_of("o1"), ["Short"]);
    world.check();
}

#[test]
fn closing_a_batch_ends_its_expiry() {
    let world = World::allocation();
    world.send(expiring("old", 20, "2011-01-04")).unwrap();
    world.send(close("old")).unwrap();
    world.advance_hours(72);
    let head = world.head();
    world.sweep();
    assert_eq!(world.head(), head);
    assert_eq!(world.state("old").state, BatchPhase::Closed);
}
