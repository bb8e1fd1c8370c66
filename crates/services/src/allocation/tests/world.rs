//! The verbs of the allocation service in its test world, and the values they need.

use std::collections::{BTreeMap, BTreeSet};

use earmark_contracts::allocation::{
    Allocate, BatchChanged, BatchState, ChangeBatch, CloseBatch, CreateBatch, Deallocate, GetBatch,
    GetLines, GetStock, LineName, LineState, MovedLine, Outcome, Placement, WhenShort,
};
use earmark_contracts::values::{
    BatchReference, Day, Level, LineId, OrderId, Priority, Quantity, Sku, Text,
};
use earmark_kernel::{Aggregate, Event, UnixMillis};
use earmark_stores::memory::{MemoryLog, MemoryRows};

use super::before::{HoldBefore, service_with_holds_of_before};
use crate::allocation::placing::{Demand, unfit_reason};
use crate::allocation::{
    LineKey, LineStatus, Reservation, ReservedStatus, Stock, StockEvent, service,
};
use crate::testing::{LOG_ID, LoggedEvent, NOON, ServiceTable, World};

impl World {
    /// The allocation service on empty stores.
    pub(super) fn allocation() -> Self {
        Self::allocation_on(MemoryLog::new(LOG_ID), MemoryRows::new(), NOON)
    }

    /// The allocation service on given stores.
    pub(super) fn allocation_on(log: MemoryLog, rows: MemoryRows, now: UnixMillis) -> Self {
        Self::open(ServiceTable { name: "allocation", table: service }, log, rows, now)
    }

    /// The allocation service with several partitions.
    pub(super) fn allocation_parts(partitions: usize) -> Self {
        let id = |part: usize| format!("0190a0b0-0000-7000-8000-{part:012}");
        let part = |part: usize| (MemoryLog::new(&id(part)), MemoryRows::new());
        let ((log, rows), more) = (part(0), (1..partitions).map(part).collect());
        let table = ServiceTable { name: "allocation", table: service_with_holds_of_before };
        Self::open_parts(table, log, rows, more, NOON)
    }

    /// Holds lines as versions without reservations did.
    pub(super) fn hold_as_before(&self, order: &str, lines: &[(&str, u64)], ttl_s: i64) {
        for (name, quantity) in lines {
            let line = key(order, name);
            let before = HoldBefore { line, sku: sku(name), quantity: units(*quantity), ttl_s };
            self.send(before).unwrap();
        }
    }

    /// Sends a command and lets the writers decide a number of groups, then drops it.
    pub(super) fn steps<T>(&self, groups: usize, sending: impl Future<Output = T>) {
        let mut sending = std::pin::pin!(sending);
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        for _ in 0..groups {
            if sending.as_mut().poll(&mut task).is_ready() {
                return;
            }
            let _ = self.bus.step();
        }
    }

    /// The number of records in all partitions.
    pub(super) fn records(&self) -> usize {
        let partitions = 0..self.bus.status().len();
        let records = |part| self.bus.records("allocation", part, 0, u64::MAX).unwrap().len();
        partitions.map(records).sum()
    }

    pub(super) fn batch(&self, reference: &str, sku_name: &str, quantity: u64, eta: Option<&str>) {
        self.send(batch(reference, sku_name, quantity, eta)).unwrap();
    }

    pub(super) fn allocate(&self, order: &str, sku_name: &str, quantity: u64) -> Placement {
        self.send(line(order, sku_name, quantity)).unwrap()
    }

    /// Allocates a line that waits if there is no stock.
    pub(super) fn queue(&self, order: &str, sku_name: &str, quantity: u64) -> Placement {
        self.send(Allocate { short: WhenShort::Queue, ..line(order, sku_name, quantity) }).unwrap()
    }

    pub(super) fn resize(&self, reference: &str, quantity: u64) -> BatchChanged {
        let quantity = Some(Level::new(quantity).unwrap());
        self.send(ChangeBatch { quantity, ..change(reference) }).unwrap()
    }

    pub(super) fn change_eta(&self, reference: &str, eta: Option<&str>) -> BatchChanged {
        self.send(ChangeBatch { eta: Some(eta.map(day)), ..change(reference) }).unwrap()
    }

    pub(super) fn deallocate(&self, order: &str, line: &str) -> Vec<[String; 3]> {
        moves(&self.send(deallocate(order, line)).unwrap().moved)
    }

    /// The batch of each line of an order, or its phase if it has none.
    pub(super) fn batches_of(&self, order: &str) -> Vec<String> {
        let batch_or_phase = |line: LineState| {
            line.batch.map_or_else(|| format!("{:?}", line.state), |batch| batch.0.to_string())
        };
        self.lines(order).into_iter().map(batch_or_phase).collect()
    }

    pub(super) fn lines(&self, order: &str) -> Vec<LineState> {
        self.bus.ask(GetLines { order_id: order_id(order), line_id: None }).unwrap()
    }

    pub(super) fn state(&self, reference: &str) -> BatchState {
        self.bus.ask(GetBatch { reference: reference_of(reference) }).unwrap().unwrap()
    }

    /// The purchased, allocated, held and available units of a batch.
    pub(super) fn totals(&self, reference: &str) -> [u32; 4] {
        let it = self.state(reference);
        [it.purchased_quantity, it.allocated_quantity, it.held_quantity, it.available_quantity]
    }

    /// The events of all stocks after a sequence number.
    pub(super) fn events(&self, after: u64) -> Vec<LoggedEvent<StockEvent>> {
        self.events_of::<Stock>(after)
    }

    /// The names of the stocks' events after a sequence number, without the name of the service.
    pub(super) fn event_names(&self, after: u64) -> Vec<&'static str> {
        let name = |it: LoggedEvent<StockEvent>| it.event.name().trim_start_matches("allocation.");
        self.events(after).into_iter().map(name).collect()
    }

    /// The stocks, folded from the log.
    pub(super) fn stocks(&self) -> BTreeMap<String, Stock> {
        let mut stocks: BTreeMap<String, Stock> = BTreeMap::new();
        for logged in self.events(0) {
            stocks.entry(logged.key).or_default().evolve(&logged.event);
        }
        stocks
    }

    /// Checks that the invariants hold, that the views equal the stocks, and that no line waits
    /// although a batch fits.
    pub(super) fn check(&self) {
        self.bus.verify("allocation", |_, _| {}).unwrap();
        let mut lines = 0;
        self.check_reservations();
        for (name, stock) in self.stocks() {
            stock.check().unwrap();
            for totals in stock.all_totals() {
                assert_eq!(self.state(&totals.reference.0), totals.state(&sku(&name)));
            }
            for (key, line) in stock.all_lines() {
                let totals = line.batch().and_then(|batch| stock.totals(batch));
                let mut state = line.state(key, &sku(&name), totals);
                let shown = self.lines(&key.order_id.0);
                if line.reservation.is_some() && state.held_until_ms.is_some() {
                    // Its reservation may have moved it.
                    let found =
                        shown.iter().find(|it| it.line_id == state.line_id && it.sku == state.sku);
                    state.held_until_ms = found.and_then(|it| it.held_until_ms);
                }
                assert!(shown.contains(&state), "{state:?}");
                lines += 1;
            }
            self.check_short_lines(&name, &stock);
        }
        let orders: BTreeSet<_> = self.events(0).into_iter().filter_map(order_of).collect();
        let rows: usize = orders.iter().map(|order| self.lines(order).len()).sum();
        assert_eq!(rows, lines, "the views have lines that the stocks do not have");
    }

    /// The reservations, folded from the log.
    pub(super) fn reservations(&self) -> BTreeMap<String, Reservation> {
        let mut reservations: BTreeMap<String, Reservation> = BTreeMap::new();
        for logged in self.events_of::<Reservation>(0) {
            reservations.entry(logged.key).or_default().evolve(&logged.event);
        }
        reservations
    }

    /// Checks that every held line has a reservation that holds it, and that the lines of
    /// reservations without an open operation agree with the stock.
    pub(super) fn check_reservations(&self) {
        let (stocks, reservations) = (self.stocks(), self.reservations());
        for (name, stock) in &stocks {
            for (key, line) in stock.all_lines().filter(|(_, it)| it.held_until().is_some()) {
                if line.reservation.is_none() {
                    continue;
                }
                let holder = &reservations[key.order_id.0.as_ref() as &str];
                let name = LineName { line_id: key.line_id.clone(), sku: sku(name) };
                let is_held =
                    holder.line(&name).is_some_and(|it| it.status == ReservedStatus::Held);
                assert!(is_held || holder.open.is_some(), "{key:?} {line:?} {holder:?}");
            }
        }
        for (order, reservation) in reservations.iter().filter(|(_, it)| it.open.is_none()) {
            for line in reservation.with(&[ReservedStatus::Held]) {
                let key = LineKey { order_id: order_id(order), line_id: line.name.line_id.clone() };
                let found = stocks[line.name.sku.0.as_ref() as &str].line(&key);
                let agrees = found.is_some_and(|it| {
                    it.held_until().is_some() || it.status == LineStatus::Missing
                });
                assert!(agrees, "{key:?}: {found:?} is not {line:?}");
            }
        }
    }

    pub(super) fn check_short_lines(&self, name: &str, stock: &Stock) {
        let today = Day::of(self.bus.now());
        let mut short = 0;
        for (key, line) in stock.all_lines() {
            let LineStatus::Short { .. } = line.status else { continue };
            let (quantity, need_by) = (line.open(), line.need_by);
            short += u64::from(quantity);
            let demand = Demand { quantity, need_by, today };
            let fitting = stock.all_totals().find(|it| unfit_reason(it, demand).is_none());
            assert!(fitting.is_none(), "{key:?} of {name} waits although {fitting:?} fits");
        }
        let level = self.bus.ask(GetStock { sku: sku(name) }).unwrap().unwrap().level;
        assert_eq!(level.short, short);
    }
}

fn order_of(logged: LoggedEvent<StockEvent>) -> Option<String> {
    logged.event.line().map(|(key, _)| key.order_id.0.to_string())
}

pub(super) fn sku(name: &str) -> Sku {
    Sku(Text::parse(name).unwrap())
}
pub(super) fn order_id(name: &str) -> OrderId {
    OrderId(Text::parse(name).unwrap())
}
pub(super) fn reference_of(name: &str) -> BatchReference {
    BatchReference(Text::parse(name).unwrap())
}
pub(super) fn line_id(name: &str) -> LineId {
    LineId(Text::parse(name).unwrap())
}
pub(super) fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}
pub(super) fn units(quantity: u64) -> Quantity {
    Quantity::new(quantity).unwrap()
}
pub(super) fn priority(level: u64) -> Priority {
    Priority::new(level).unwrap()
}
pub(super) fn key(order: &str, line: &str) -> LineKey {
    LineKey { order_id: order_id(order), line_id: line_id(line) }
}

pub(super) fn batch(
    reference: &str,
    sku_name: &str,
    quantity: u64,
    eta: Option<&str>,
) -> CreateBatch {
    CreateBatch {
        reference: reference_of(reference),
        sku: sku(sku_name),
        quantity: units(quantity),
        eta: eta.map(day),
        expires: None,
    }
}

pub(super) fn line(order: &str, sku_name: &str, quantity: u64) -> Allocate {
    Allocate {
        order_id: order_id(order),
        line_id: None,
        sku: sku(sku_name),
        quantity: units(quantity),
        need_by: None,
        priority: Priority::default(),
        short: WhenShort::Reject,
    }
}

pub(super) fn change(reference: &str) -> ChangeBatch {
    ChangeBatch {
        reference: reference_of(reference),
        quantity: None,
        eta: None,
        reason: "water damage".into(),
        if_match: Vec::new(),
    }
}

pub(super) fn close(reference: &str) -> CloseBatch {
    let (reference, reason) = (reference_of(reference), "mould".into());
    CloseBatch { reference, reason, if_match: Vec::new() }
}

pub(super) fn deallocate(order: &str, line: &str) -> Deallocate {
    let (order_id, line_id) = (order_id(order), line_id(line));
    Deallocate { order_id, line_id, sku: None, reason: "cancelled".into() }
}

/// The batch of an allocated line; `None` if the line is not allocated.
pub(super) fn batch_of(placement: &Placement) -> Option<&str> {
    match &placement.outcome {
        Outcome::Placed { line, .. } => line.batch.as_ref().map(|batch| &*batch.0),
        _ => None,
    }
}

/// The order, previous batch and new batch of each moved line; `-` for no batch.
pub(super) fn moves(moved: &[MovedLine]) -> Vec<[String; 3]> {
    let name = |it: &Option<BatchReference>| it.as_ref().map_or("-".into(), |it| it.0.to_string());
    moved.iter().map(|it| [it.order_id.0.to_string(), name(&it.from), name(&it.to)]).collect()
}
