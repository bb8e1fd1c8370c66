//! The events of placed lines, as the log has them.

use earmark_contracts::allocation::Allocate;
use earmark_contracts::values::{BatchReference, Day, QUANTITY_MAX};
use earmark_kernel::Aggregate;
use earmark_kernel::clock::{Clock, SystemClock};
use earmark_kernel::ids::{Ids, RandomIds};
use earmark_services::allocation::events::{Allocated, BatchCreated};
use earmark_services::allocation::{LineKey, Stock, StockEvent};

use crate::failure::Failure;

/// The stock of a SKU: one batch of the largest quantity.
pub fn stock(batch: &BatchReference) -> Stock {
    let mut stock = Stock::default();
    stock.evolve(&StockEvent::BatchCreated(BatchCreated {
        batch: batch.clone(),
        quantity: QUANTITY_MAX,
        eta: None,
        expires: None,
    }));
    stock
}

pub fn today() -> Day {
    Day::of(SystemClock.now())
}

/// The event of a placed line.
pub fn allocated(command: &Allocate, batch: &BatchReference, today: Day) -> StockEvent {
    StockEvent::Allocated(Allocated {
        line: LineKey { order_id: command.order_id.clone(), line_id: command.line() },
        quantity: command.quantity.units(),
        batch: batch.clone(),
        day: today,
        promised: today,
        need_by: None,
        priority: command.priority,
        held_until: None,
        reservation: None,
        passed_over: Vec::new(),
        again: false,
    })
}

/// The text of a record. Like the writer, it reuses the buffer `json`.
pub fn write_record(
    json: &mut Vec<u8>,
    commands: &[Allocate],
    events: &[StockEvent],
) -> Result<String, Failure> {
    json.clear();
    for (command, event) in commands.iter().zip(events) {
        json.push(if json.is_empty() { b'[' } else { b',' });
        serde_json::to_writer(&mut *json, event).map_err(Failure::new)?;
        assert_eq!(json.pop(), Some(b'}'), "an event is an object");
        json.extend_from_slice(br#","of":""#);
        json.extend_from_slice(Stock::NAME.as_bytes());
        json.extend_from_slice(br#"","key":"#);
        serde_json::to_writer(&mut *json, &command.sku).map_err(Failure::new)?;
        json.extend_from_slice(br#","causation":"#);
        serde_json::to_writer(&mut *json, &RandomIds.next()).map_err(Failure::new)?;
        json.push(b'}');
    }
    json.push(b']');
    std::str::from_utf8(json).map(str::to_owned).map_err(Failure::new)
}
