//! The stored forms of events and rows.

use earmark_contracts::allocation::{PassedOver, PassedOverReason};
use earmark_contracts::values::{BatchReference, Day, LineId, OrderId, Priority, Text};
use earmark_kernel::{Event, UnixMillis};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::allocation::events::Allocated;
use crate::allocation::keys::line_of_key;
use crate::allocation::{Line, LineKey, LineStatus, ReferenceEvent, StockEvent};

fn text(text: &str) -> Text {
    Text::parse(text).unwrap()
}

fn round_trip<T: Serialize + DeserializeOwned>(stored: &T) -> T {
    serde_json::from_str(&serde_json::to_string(stored).unwrap()).unwrap()
}

fn allocated() -> Allocated {
    Allocated {
        line: LineKey { order_id: OrderId(text("o \"1\"")), line_id: LineId(text("箱")) },
        quantity: 3,
        batch: BatchReference(text("b1")),
        day: Day::parse("2026-01-31").unwrap(),
        promised: Day::LAST,
        need_by: Some(Day::FIRST),
        priority: Priority::new(9).unwrap(),
        held_until: Some(UnixMillis(-5)),
        reservation: Some(std::num::NonZeroU8::MAX),
        passed_over: vec![PassedOver {
            batch: BatchReference(text("b0")),
            reason: PassedOverReason::TooSmall { available: 2 },
        }],
        again: true,
    }
}

#[test]
fn an_allocation_round_trips_with_all_optional_fields_and_with_none() {
    let most = allocated();
    let least = Allocated {
        need_by: None,
        held_until: None,
        reservation: None,
        passed_over: vec![],
        again: false,
        ..most
    };
    for event in [StockEvent::Allocated(allocated()), StockEvent::Allocated(least)] {
        assert_eq!(round_trip(&event), event);
    }
}

#[test]
fn an_allocation_of_the_first_version_is_readable() {
    let least = r#"{"type":"allocation.allocated","data":{"order_id":"o1","line_id":"l1",
        "quantity":2,"batch":"b1","day":"2026-01-31","promised":"2026-02-01","priority":5}}"#;
    let StockEvent::Allocated(read) = serde_json::from_str(least).unwrap() else {
        panic!("it is not an allocation");
    };
    assert_eq!((&*read.line.order_id.0, &*read.line.line_id.0, read.quantity), ("o1", "l1", 2));
    assert_eq!((read.need_by, read.held_until, read.again), (None, None, false));
    assert!(read.passed_over.is_empty());
}

/// Every event as it is stored, with all fields that are not omitted.
const EVENTS: [&str; 13] = [
    concat!(
        r#"{"type":"allocation.batch_created","#,
        r#""data":{"batch":"b1","quantity":5,"eta":"2026-01-31","expires":null}}"#,
    ),
    concat!(
        r#"{"type":"allocation.batch_resized","#,
        r#""data":{"batch":"b1","from":5,"to":4,"reason":"r"}}"#,
    ),
    concat!(
        r#"{"type":"allocation.batch_eta_changed","#,
        r#""data":{"batch":"b1","from":"2026-01-31","to":null,"day":"2026-01-30","reason":"r"}}"#,
    ),
    r#"{"type":"allocation.batch_closed","data":{"batch":"b1","expired":true,"reason":"r"}}"#,
    concat!(
        r#"{"type":"allocation.allocated","#,
        r#""data":{"order_id":"o1","line_id":"l1","quantity":2,"batch":"b1","day":"2026-01-31","#,
        r#""promised":"2026-02-01","priority":5,"held_until":7,"again":true}}"#,
    ),
    concat!(
        r#"{"type":"allocation.deallocated","#,
        r#""data":{"order_id":"o1","line_id":"l1","quantity":2,"batch":"b1","held":true,"#,
        r#""reason":"r"}}"#,
    ),
    concat!(
        r#"{"type":"allocation.queued","#,
        r#""data":{"order_id":"o1","line_id":"l1","quantity":2,"need_by":"2026-01-31","#,
        r#""priority":5}}"#,
    ),
    concat!(
        r#"{"type":"allocation.stock_exhausted","#,
        r#""data":{"sku":"s1","order_id":"o1","line_id":"l1","quantity":2,"queued":false}}"#,
    ),
    concat!(
        r#"{"type":"allocation.released","#,
        r#""data":{"order_id":"o1","line_id":"l1","quantity":2,"batch":null,"reason":"r"}}"#,
    ),
    concat!(
        r#"{"type":"allocation.hold_confirmed","#,
        r#""data":{"order_id":"o1","line_id":"l1","quantity":2,"batch":"b1"}}"#,
    ),
    concat!(
        r#"{"type":"allocation.hold_ended","#,
        r#""data":{"order_id":"o1","line_id":"l1","quantity":2,"batch":"b1","reason":"r"}}"#,
    ),
    concat!(
        r#"{"type":"allocation.shipped","#,
        r#""data":{"order_id":"o1","line_id":"l1","quantity":2,"batch":"b1","finished":false}}"#,
    ),
    concat!(
        r#"{"type":"allocation.returned","#,
        r#""data":{"order_id":"o1","line_id":"l1","quantity":2,"disposition":"write_off","#,
        r#""batch":null}}"#,
    ),
];

#[test]
fn the_stored_form_of_an_event_does_not_change() {
    for json in EVENTS {
        let event: StockEvent = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), json);
        let tag = format!(r#"{{"type":"{}","#, event.name());
        assert!(json.starts_with(&tag), "{json}");
    }
    let claimed = r#"{"type":"allocation.reference_claimed","data":{"sku":"s1"}}"#;
    let event: ReferenceEvent = serde_json::from_str(claimed).unwrap();
    assert_eq!(serde_json::to_string(&event).unwrap(), claimed);
    assert_eq!(event.name(), "allocation.reference_claimed");
}

/// The names of internal events that public events had too, and the names that they have now.
const FORMER_NAMES: [(&str, &str); 2] = [
    ("allocation.batch_quantity_changed", "allocation.batch_resized"),
    ("allocation.out_of_stock", "allocation.stock_exhausted"),
];

#[test]
fn an_event_stored_under_its_former_name_is_read_under_the_present_one() {
    for (former, present) in FORMER_NAMES {
        let json = EVENTS.iter().find(|json| json.contains(present)).unwrap();
        let stored = json.replace(present, former);
        let event: StockEvent = serde_json::from_str(&stored).unwrap();
        assert_eq!(
            (event.name(), serde_json::to_string(&event).unwrap().as_str()),
            (present, *json)
        );
    }
}

#[test]
fn an_internal_event_and_a_public_one_never_share_a_name() {
    let edges = crate::allocation::service().flow().edges;
    let published: Vec<_> = edges.iter().filter(|edge| edge.verb == "publishes").collect();
    assert!(published.len() > 5);
    for public in &published {
        let internal = edges.iter().find(|edge| edge.verb != "publishes" && edge.to == public.to);
        assert!(internal.is_none(), "{internal:?}");
    }
}

#[test]
fn a_line_of_every_status_round_trips() {
    let event = StockEvent::Allocated(allocated());
    let mut line = Line::accepted(&event, 7).unwrap();
    line.evolve(&event);
    let batch = BatchReference(text("b1"));
    let statuses = [
        line.status.clone(),
        LineStatus::Short { held_until: None },
        LineStatus::Short { held_until: Some(UnixMillis(9)) },
        LineStatus::Shipped { batch: batch.clone() },
        LineStatus::HoldEnded,
        LineStatus::Released,
    ];
    for status in statuses {
        let line = Line { status, shipped: 1, returned: 1, ..line.clone() };
        let line = Line { shipped_from: Some(Box::new(batch.clone())), ..line };
        assert_eq!(round_trip(&line), line);
    }
}

#[test]
fn the_stored_shape_of_a_line_does_not_change() {
    let event = StockEvent::Allocated(allocated());
    let mut line = Line::accepted(&event, 7).unwrap();
    line.evolve(&event);
    let shipped_from = Some(Box::new(BatchReference(text("b1"))));
    let line = Line { shipped: 2, returned: 1, shipped_from, ..line };
    let written = concat!(
        r#"{"i":7,"q":3,"s":2,"f":"b1","r":1,"n":"0000-01-01","p":9,"v":255,"#,
        r#""w":{"i":{"b":"b1","d":"2026-01-31","h":-5}},"#,
        r#""o":[{"batch":"b0","why":"too_small","available":2}]}"#,
    );
    assert_eq!(serde_json::to_string(&line).unwrap(), written);
    let least = r#"{"q":3,"p":5,"w":{"s":{}}}"#;
    let line: Line = serde_json::from_str(least).unwrap();
    assert_eq!(serde_json::to_string(&line).unwrap(), least);
}

#[test]
fn the_key_of_a_line_row_names_its_line_and_other_keys_are_rejected() {
    let (line, sku) = line_of_key("o \"1\"\u{1f}箱\u{1f}BANK CHARGES").unwrap();
    assert_eq!((line, &*sku.0), (allocated().line, "BANK CHARGES"));
    for key in ["", "o1", "o1\u{1f}l1", "o1\u{1f}\u{1f}s1", "o1\u{1f}l1\u{1f}s1\u{1f}more"] {
        line_of_key(key).unwrap_err();
    }
}

#[test]
fn a_line_takes_at_most_96_bytes_in_memory() {
    assert!(size_of::<Line>() <= 96, "{} bytes", size_of::<Line>());
}
