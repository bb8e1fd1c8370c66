//! The audit of holds: every held line has a reservation that holds it, and the other way round.
//! Also finds, in logs of versions without reservations, holds of which only a part was done.

use std::collections::{BTreeMap, BTreeSet};

use earmark_contracts::allocation::LineName;
use earmark_contracts::values::{LineId, OrderId, Text};
use earmark_kernel::{Aggregates, Audit, AuditedEvent, UnixMillis};
use serde::Deserialize;

use super::aggregate::{Reservation, Status};
use crate::allocation::events::{Allocated, LineKey, StockEvent};
use crate::allocation::line::LineStatus;
use crate::allocation::stock::Stock;

/// An operation that is open for longer than this was left behind, in milliseconds.
const OPEN_MAX_MS: i64 = 600_000;
/// The reason with which versions without reservations released the lines of a hold.
const RELEASED: &str = "the hold was released";

/// The audit of holds.
#[derive(Default)]
pub struct Holds {
    /// Lines that were held without a reservation, by SKU and line, with the hold's command.
    held_by: BTreeMap<(String, LineKey), String>,
    /// What became of the lines of each such hold, by the hold's command.
    holds: BTreeMap<String, OldHold>,
    /// Idempotency keys under which a confirmation or a release has pinned the lines it found.
    pinned: BTreeSet<String>,
    /// Idempotency keys of answers that show lines that are still held, each with an order.
    still_held: BTreeMap<String, OrderId>,
}

/// A hold of a version without reservations.
#[derive(Default)]
struct OldHold {
    order_id: Option<OrderId>,
    confirmed: BTreeSet<LineId>,
    /// Released by another command.
    released: BTreeSet<LineId>,
    /// Released by the hold itself, which was refused.
    undone: bool,
}

/// The answer to a command on a hold, as far as it matters here.
#[derive(Deserialize)]
struct HoldAnswer {
    order_id: String,
    lines: Vec<AnsweredLine>,
}

#[derive(Deserialize)]
struct AnsweredLine {
    state: String,
}

impl Audit for Holds {
    fn see(&mut self, event: &AuditedEvent<'_>) {
        if let Some(answer) = event.answer() {
            return self.see_answer(event.key, answer);
        }
        let causation = || event.causation.to_string();
        match event.of::<StockEvent>() {
            Some(StockEvent::Allocated(it)) if is_old_hold(it) => {
                let hold = self.holds.entry(causation()).or_default();
                hold.order_id = Some(it.line.order_id.clone());
                self.held_by.insert((event.key.to_owned(), it.line.clone()), causation());
            }
            Some(StockEvent::HoldConfirmed(it)) => {
                if let Some(hold) = self.hold_of(event.key, &it.line) {
                    hold.confirmed.insert(it.line.line_id.clone());
                }
            }
            Some(StockEvent::Released(it)) if it.held && it.reason == RELEASED => {
                let by = causation();
                let own = self.held_by.get(&(event.key.to_owned(), it.line.clone())) == Some(&by);
                if let Some(hold) = self.hold_of(event.key, &it.line) {
                    hold.undone |= own;
                    if !own {
                        hold.released.insert(it.line.line_id.clone());
                    }
                }
            }
            Some(StockEvent::HoldAdopted(it)) => {
                self.held_by.remove(&(event.key.to_owned(), it.line.clone()));
            }
            _ => {}
        }
    }

    fn end(&self, aggregates: &Aggregates<'_>, at: UnixMillis) -> Result<Vec<String>, String> {
        self.holds.values().try_for_each(OldHold::check)?;
        for (key, order_id) in &self.still_held {
            if self.pinned.contains(&format!("{key}\u{1f}hold")) {
                let order = &order_id.0;
                return Err(format!(
                    "the hold of order {order} was confirmed and released at the same time: the \
                     answer to {key} shows lines that were not released"
                ));
            }
        }
        check_held_lines(aggregates)?;
        aggregates
            .all::<Reservation>()
            .try_for_each(|it| check_reservation(it.key(), it, at, aggregates))?;
        let old = old_held_lines(aggregates);
        Ok(match old {
            0 => Vec::new(),
            count => vec![format!(
                "{count} held lines have no reservation: they were held before there were any"
            )],
        })
    }
}

fn is_old_hold(it: &Allocated) -> bool {
    it.held_until.is_some() && it.reservation.is_none() && !it.again
}

impl Holds {
    fn hold_of(&mut self, sku: &str, line: &LineKey) -> Option<&mut OldHold> {
        let hold = self.held_by.get(&(sku.to_owned(), line.clone()))?;
        self.holds.get_mut(hold)
    }

    fn see_answer(&mut self, key: &str, answer: &str) {
        if key.ends_with("\u{1f}hold") {
            self.pinned.insert(key.to_owned());
            return;
        }
        // Most answers are those of allocations, which have no lines.
        if !answer.contains("\"lines\"") {
            return;
        }
        let Ok(HoldAnswer { order_id, lines }) = serde_json::from_str(answer) else { return };
        if let Ok(order_id) = Text::parse(&order_id)
            && lines.iter().any(|line| line.state == "held")
        {
            self.still_held.insert(key.to_owned(), OrderId(order_id));
        }
    }
}

impl OldHold {
    fn check(&self) -> Result<(), String> {
        let order = self.order_id.as_ref().map(|it| it.0.to_string()).unwrap_or_default();
        let names = |lines: &BTreeSet<LineId>| {
            lines.iter().map(|it| it.0.to_string()).collect::<Vec<_>>().join(", ")
        };
        let confirmed = names(&self.confirmed);
        if self.undone && !self.confirmed.is_empty() {
            return Err(format!(
                "the hold of order {order} was refused, but its lines {confirmed} were confirmed"
            ));
        }
        if !self.released.is_empty() && !self.confirmed.is_empty() {
            return Err(format!(
                "of the hold of order {order} the lines {confirmed} were confirmed and {} released",
                names(&self.released)
            ));
        }
        Ok(())
    }
}

fn check_held_lines(aggregates: &Aggregates<'_>) -> Result<(), String> {
    for stock in aggregates.all::<Stock>() {
        for (key, line) in stock.all_lines() {
            if line.held_until().is_none() || line.reservation.is_none() {
                continue;
            }
            let (order, id, sku) = (&key.order_id.0, &key.line_id.0, stock.key());
            let reservation = aggregates.get::<Reservation>(order);
            let is_open = reservation.is_some_and(|it| it.open.is_some());
            let holds = reservation.is_some_and(|it| {
                it.with(&[Status::Held])
                    .any(|held| held.name.line_id == key.line_id && &*held.name.sku.0 == sku)
            });
            if !holds && !is_open {
                return Err(format!(
                    "the line {id} of order {order} holds {sku}, but its reservation does not"
                ));
            }
        }
    }
    Ok(())
}

fn check_reservation(
    order: &str,
    reservation: &Reservation,
    at: UnixMillis,
    aggregates: &Aggregates<'_>,
) -> Result<(), String> {
    if let Some(open) = &reservation.open {
        if open.since().plus_ms(OPEN_MAX_MS) < at {
            return Err(format!("an operation on the hold of order {order} has not ended"));
        }
        return Ok(());
    }
    for line in reservation.with(&[Status::Held]) {
        let LineName { line_id, sku } = &line.name;
        let order_id = OrderId(Text::parse(order).map_err(|e| e.to_string())?);
        let key = LineKey { order_id, line_id: line_id.clone() };
        let stock = aggregates.get::<Stock>(&sku.0);
        let found = stock.and_then(|stock| stock.line(&key));
        let agrees = found.is_some_and(|found| {
            let is_held = found.held_until().is_some() && found.open() == line.quantity;
            is_held || found.status == LineStatus::Missing
        });
        if !agrees {
            return Err(format!(
                "the reservation of order {order} holds the line {}, but the stock of {} has \
                 {found:?}",
                line_id.0, sku.0
            ));
        }
    }
    Ok(())
}

fn old_held_lines(aggregates: &Aggregates<'_>) -> usize {
    let lines = |stock: &Stock| {
        let held = stock.all_lines().filter(|(_, line)| line.ends_by_itself().is_some());
        held.count()
    };
    aggregates.all::<Stock>().map(|stock| lines(stock)).sum()
}
