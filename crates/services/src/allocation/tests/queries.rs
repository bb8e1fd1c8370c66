//! Queries of stock in pages, in detail and with its history; and the feed of public events.

use earmark_contracts::allocation::{
    GetBatch, GetLines, GetStock, ListStock, StockHistory, StockHistoryEntry,
};
use serde_json::{Value, json};

use super::{World, close, line_id, order_id, reference_of, sku};

fn pages(world: &World, limit: usize) -> Vec<String> {
    let (mut after, mut names) = (None, Vec::new());
    loop {
        let page = world.bus.ask(ListStock { after: after.clone(), limit }).unwrap();
        assert!(page.len() <= limit);
        let Some(last) = page.last() else { return names };
        after = Some(last.sku.clone());
        names.extend(page.into_iter().map(|it| it.sku.0.to_string()));
    }
}

#[test]
fn stock_is_listed_in_pages_in_order_of_sku() {
    let world = World::allocation();
    // SKUs with common prefixes, spaces or the last code point must be listed once each.
    let names = ["A", "A B", "A-1", "AA", "B", "\u{10ffff}", "\u{10ffff}\u{10ffff}"];
    for (index, name) in names.iter().enumerate() {
        world.batch(&format!("b{index}"), name, 10, None);
        world.batch(&format!("\u{10ffff}{index}"), name, 10, None);
        if index == 3 {
            world.bus.flush().unwrap();
        }
    }
    for limit in [1, 2, 3, 100] {
        assert_eq!(pages(&world, limit), names, "limit {limit}");
    }
    assert!(world.bus.ask(ListStock { after: None, limit: 0 }).unwrap().is_empty());
    world.check();
}

#[test]
fn a_stock_level_sums_open_batches_and_short_lines() {
    let world = World::allocation();
    world.batch("b1", "VASE", 50, None);
    world.batch("b2", "VASE", 20, Some("2011-01-10"));
    world.batch("b3", "VASE", 90, Some("2011-01-20"));
    world.batch("gone", "VASE", 1_000, None);
    world.send(close("gone")).unwrap();
    world.allocate("o1", "VASE", 50);
    world.allocate("o2", "VASE", 20);
    world.send(super::holds::hold("o3", &[("VASE", 30)], 60)).unwrap();
    world.queue("o4", "VASE", 70);
    let stock = world.bus.ask(GetStock { sku: sku("VASE") }).unwrap().unwrap();
    assert_eq!(
        serde_json::to_value(&stock.level).unwrap(),
        json!({
            "sku": "VASE", "on_hand": 50, "incoming": 110, "allocated": 100, "held": 30,
            "available": 60, "short": 70, "next_eta": "2011-01-20",
        })
    );
    let listed = world.bus.ask(ListStock { after: None, limit: 9 }).unwrap();
    assert_eq!(listed, [stock.level]);
    let batches: Vec<_> = stock.batches.iter().map(|it| &*it.reference.0).collect();
    assert_eq!(batches, ["b1", "b2", "b3", "gone"]);
    assert_eq!(
        serde_json::to_value(&stock.short_lines).unwrap(),
        json!([{
            "order_id": "o4", "line_id": "VASE", "quantity": 70, "need_by": null, "priority": 5,
        }])
    );
    assert_eq!(world.bus.ask(GetStock { sku: sku("DODO") }).unwrap(), None);
    let unknown = GetBatch { reference: reference_of("b9") };
    assert_eq!(world.bus.ask(unknown).unwrap(), None);
}

#[test]
fn orders_with_similar_ids_have_separate_lines() {
    let world = World::allocation();
    world.batch("b1", "VASE", 50, None);
    for order in ["o", "o1", "o 1", "\u{10ffff}"] {
        world.allocate(order, "VASE", 1);
        let command = earmark_contracts::allocation::Allocate {
            line_id: Some(line_id("\u{10ffff}")),
            ..super::line(order, "VASE", 1)
        };
        world.send(command).unwrap();
    }
    for order in ["o", "o1", "o 1", "\u{10ffff}"] {
        assert_eq!(world.batches_of(order).len(), 2, "{order}");
        let line_id = Some(line_id("\u{10ffff}"));
        let lines = world.bus.ask(GetLines { order_id: order_id(order), line_id }).unwrap();
        assert_eq!(lines.len(), 1);
        world.deallocate(order, "\u{10ffff}");
    }
    world.check();
}

fn history(world: &World, after: u64, limit: usize) -> Option<Vec<StockHistoryEntry>> {
    world.bus.ask(StockHistory { sku: sku("VASE"), after, limit }).unwrap()
}

#[test]
fn the_history_shows_batch_totals_before_and_after_each_event() {
    let world = World::allocation();
    assert_eq!(history(&world, 0, 10), None);
    world.batch("b1", "VASE", 50, None);
    world.allocate("o1", "VASE", 20);
    world.resize("b1", 10);
    let all = history(&world, 0, 100).unwrap();
    let names: Vec<_> = all.iter().map(|it| &*it.event).collect();
    assert_eq!(names, world.events(0).iter().map(|it| name(&it.event)).collect::<Vec<_>>());
    let totals = |it: &StockHistoryEntry| {
        let batch = serde_json::to_value(&it.batch).unwrap();
        let two = |it: &Value| json!([it["purchased"], it["allocated"]]);
        [two(&batch["before"]), two(&batch["after"])]
    };
    let expected = [
        [json!([null, null]), json!([50, 0])],
        [json!([50, 0]), json!([50, 20])],
        [json!([50, 20]), json!([10, 20])],
        [json!([10, 20]), json!([10, 0])],
        [json!([null, null]), json!([null, null])],
    ];
    assert_eq!(all.iter().map(totals).collect::<Vec<_>>(), expected);
    assert_eq!(all[2].reason.as_deref(), Some("water damage"));
    assert_eq!(all[3].reason.as_deref(), Some("the batch shrank"));
    assert_eq!((all[3].quantity, all[3].order_id.clone()), (Some(20), Some(order_id("o1"))));
    assert_eq!(all[2].cause, all[4].cause, "one command");
    assert_ne!(all[1].cause, all[2].cause);
    assert_eq!(all[0].at_ms, super::NOON.0);
    // The pages have the same entries, before and after a flush.
    for flushed in [false, true] {
        if flushed {
            world.bus.flush().unwrap();
        }
        let (mut after, mut paged) = (0, Vec::new());
        while let Some(last) = history(&world, after, 2).unwrap().last() {
            paged.extend(history(&world, after, 2).unwrap());
            after = last.sequence;
        }
        assert_eq!(paged, all);
    }
}

fn name(event: &crate::allocation::StockEvent) -> &'static str {
    earmark_kernel::Event::name(event)
}

#[test]
fn each_public_event_carries_the_sequence_of_the_previous_one() {
    let world = World::allocation();
    world.batch("b1", "VASE", 50, None);
    world.allocate("o1", "VASE", 20);
    world.resize("b1", 10);
    world.resize("b1", 30);
    world.send(super::lines::ship("o1", None)).unwrap();
    world.send(super::holds::hold("o2", &[("VASE", 5)], 60)).unwrap();
    world.advance_hours(1);
    world.sweep();
    let all = world.bus.feed("allocation", 0, 0, 100).unwrap();
    let names: Vec<_> = all.iter().map(|it| it.name.trim_start_matches("allocation.")).collect();
    assert_eq!(
        names,
        [
            "line_allocated",
            "batch_quantity_changed",
            "line_deallocated",
            "out_of_stock",
            "batch_quantity_changed",
            "line_allocated",
            "line_shipped",
            "line_allocated",
            "order_reserved",
            "line_deallocated",
            "order_hold_lost",
        ]
    );
    let mut last = 0;
    for event in &all {
        assert_eq!(event.previous, last);
        last = event.sequence;
        let page = world.bus.feed("allocation", 0, event.sequence - 1, 1).unwrap();
        assert_eq!((page[0].sequence, page[0].previous), (event.sequence, event.previous));
        assert_eq!(page[0].id, event.id);
        let key = if event.name.starts_with("allocation.order_") { "o2" } else { "VASE" };
        assert_eq!((&*event.partitionkey, &*event.source), (key, "/allocation/0"));
    }
    let data = |at: usize| serde_json::from_str::<Value>(all[at].data.get()).unwrap();
    assert_eq!(
        data(0),
        json!({
            "orderid": "o1", "sku": "VASE", "qty": 20, "batchref": "b1", "line_id": "VASE",
            "promised": "2011-01-02", "held_until_ms": null,
        })
    );
    assert_eq!(data(1), json!({ "batchref": "b1", "sku": "VASE", "qty": 10, "before": 50 }));
    assert_eq!(data(2)["reason"], "the batch shrank");
    assert_eq!(data(3)["queued"], true);
    assert_eq!(data(6)["finished"], true);
    assert_eq!(data(9)["reason"], "it was not confirmed in time");
    assert!(world.bus.feed("allocation", 0, last, 100).unwrap().is_empty());
}
