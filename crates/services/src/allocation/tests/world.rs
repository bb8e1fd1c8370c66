//! The verbs of the allocation service in its test world, and the values they need.

use std::collections::{BTreeMap, BTreeSet};

use earmark_contracts::allocation::{
    Allocate, BatchChanged, BatchState, ChangeBatch, CloseBatch, CreateBatch, Deallocate, GetBatch,
    GetLines, GetStock, LineState, MovedLine, Outcome, Placement, WhenShort,
};
use earmark_contracts::values::{
    BatchReference, Day, Level, LineId, OrderId, Priority, Quantity, Sku, Text,
};
use earmark_kernel::{Aggregate, Event, UnixMillis};
use earmark_stores::memory::{MemoryLog, MemoryRows};

use crate::allocation::placing::{Demand, unfit_reason};
use crate::allocation::{LineKey, LineStatus, Stock, StockEvent, service};
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
        for (name, stock) in self.stocks() {
            stock.check().unwrap();
            for totals in stock.all_totals() {
                assert_eq!(self.state(&totals.reference.0), totals.state(&sku(&name)));
            }
            for (key, line) in stock.all_lines() {
                let totals = line.batch().and_then(|batch| stock.totals(batch));
                let state = line.state(key, &sku(&name), totals);
                assert!(self.lines(&key.order_id.0).contains(&state), "{state:?}");
                lines += 1;
            }
            self.check_short_lines(&name, &stock);
        }
        let orders: BTreeSet<_> = self.events(0).into_iter().filter_map(order_of).collect();
        let rows: usize = orders.iter().map(|order| self.lines(order).len()).sum();
        assert_eq!(rows, lines, "the views have lines that the stocks do not have");
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
