//! What stands in the log and on disk is read back as it was.

use earmark_contracts::allocation::{PassedOver, PassedOverReason};
use earmark_contracts::values::{BatchReference, Day, LineId, OrderId, Priority, Text};
use earmark_kernel::UnixMillis;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::allocation::events::Allocated;
use crate::allocation::views::names_of_key;
use crate::allocation::{Line, LineKey, Place, StockEvent};

fn text(text: &str) -> Text {
    Text::parse(text).unwrap()
}

fn again<T: Serialize + DeserializeOwned>(stored: &T) -> T {
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
        passed_over: vec![PassedOver {
            batch: BatchReference(text("b0")),
            reason: PassedOverReason::TooSmall { available: 2 },
        }],
        again: true,
    }
}

#[test]
fn an_allocation_with_all_it_can_have_and_with_the_least() {
    let most = allocated();
    let least =
        Allocated { need_by: None, held_until: None, passed_over: vec![], again: false, ..most };
    for event in [StockEvent::Allocated(allocated()), StockEvent::Allocated(least)] {
        assert_eq!(again(&event), event);
    }
}

#[test]
fn an_allocation_as_the_first_version_wrote_it() {
    let least = r#"{"type":"allocation.allocated","data":{"order_id":"o1","line_id":"l1",
        "quantity":2,"batch":"b1","day":"2026-01-31","promised":"2026-02-01","priority":5}}"#;
    let StockEvent::Allocated(read) = serde_json::from_str(least).unwrap() else {
        panic!("it is an allocation");
    };
    assert_eq!((&*read.line.order_id.0, &*read.line.line_id.0, read.quantity), ("o1", "l1", 2));
    assert_eq!((read.need_by, read.held_until, read.again), (None, None, false));
    assert!(read.passed_over.is_empty());
}

#[test]
fn a_line_in_each_place() {
    let event = StockEvent::Allocated(allocated());
    let mut line = Line::accepted(&event, 7).unwrap();
    line.evolve(&event);
    let batch = BatchReference(text("b1"));
    let places = [
        line.place.clone(),
        Place::Short { held_until: None },
        Place::Short { held_until: Some(UnixMillis(9)) },
        Place::Shipped { batch: batch.clone() },
        Place::HoldEnded,
        Place::Released,
    ];
    for place in places {
        let line = Line { place, shipped: 1, returned: 1, ..line.clone() };
        let line = Line { shipped_from: Some(Box::new(batch.clone())), ..line };
        assert_eq!(again(&line), line);
    }
}

#[test]
fn a_line_is_written_as_before() {
    let event = StockEvent::Allocated(allocated());
    let mut line = Line::accepted(&event, 7).unwrap();
    line.evolve(&event);
    let shipped_from = Some(Box::new(BatchReference(text("b1"))));
    let line = Line { shipped: 2, returned: 1, shipped_from, ..line };
    let written = concat!(
        r#"{"i":7,"q":3,"s":2,"f":"b1","r":1,"n":"0000-01-01","p":9,"#,
        r#""w":{"i":{"b":"b1","d":"2026-01-31","h":-5}},"#,
        r#""o":[{"batch":"b0","why":"too_small","available":2}]}"#,
    );
    assert_eq!(serde_json::to_string(&line).unwrap(), written);
    let least = r#"{"q":3,"p":5,"w":{"s":{}}}"#;
    let line: Line = serde_json::from_str(least).unwrap();
    assert_eq!(serde_json::to_string(&line).unwrap(), least);
}

#[test]
fn a_row_of_a_line_is_named_by_its_key_and_no_other_key_names_one() {
    let (line, sku) = names_of_key("o \"1\"\u{1f}箱\u{1f}BANK CHARGES").unwrap();
    assert_eq!((line, &*sku.0), (allocated().line, "BANK CHARGES"));
    for key in ["", "o1", "o1\u{1f}l1", "o1\u{1f}\u{1f}s1", "o1\u{1f}l1\u{1f}s1\u{1f}more"] {
        names_of_key(key).unwrap_err();
    }
}

#[test]
fn a_line_in_memory_is_small_for_there_are_many() {
    assert!(size_of::<Line>() <= 96, "{} bytes", size_of::<Line>());
}
