//! Tests of the service through its bus: the world they play in, and a file for each matter.

mod batches;
mod book;
mod explaining;
mod faults;
mod holds;
mod invariants;
mod keys;
mod lines;
mod placing;
mod questions;
mod ranking;
mod replanning;
mod scale;
mod script;
mod stored;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use earmark_contracts::allocation::{
    Allocate, BatchChanged, BatchState, ChangeBatch, CloseBatch, CreateBatch, Deallocate, GetBatch,
    GetLines, GetStock, LineState, MovedLine, Outcome, Placement, WhenShort,
};
use earmark_contracts::values::{
    BatchReference, Day, Level, LineId, OrderId, Priority, Quantity, Sku, Text,
};
use earmark_kernel::clock::VirtualClock;
use earmark_kernel::ids::SeededIds;
use earmark_kernel::runtime::drive;
use earmark_kernel::{
    Aggregate, Bus, Command, Event, Limits, Meta, NotDone, Opening, Reply, Stores, UnixMillis,
};
use earmark_stores::memory::{MemoryLog, MemoryRows};
use serde::Deserialize;

use super::placing::{Demand, obstacle};
use super::stock::Stock;
use super::{LineKey, Place, StockEvent};

/// A bus with the service on a memory store, at noon of 2 January 2011.
pub(super) struct World {
    pub(super) bus: Bus,
    pub(super) clock: Arc<VirtualClock>,
    pub(super) log: MemoryLog,
    pub(super) rows: MemoryRows,
}

pub(super) const NOON: UnixMillis = UnixMillis(1_293_969_600_000);
pub(super) const HOUR_MS: i64 = 3_600_000;

/// An event of a stock as the log has it.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) seq: u64,
    pub(super) sku: String,
    pub(super) event: StockEvent,
}

impl World {
    pub(super) fn new() -> Self {
        Self::on(MemoryLog::new("0190a0b0-0000-7000-8000-000000000000"), MemoryRows::new(), NOON)
    }

    pub(super) fn on(log: MemoryLog, rows: MemoryRows, now: UnixMillis) -> Self {
        let clock = Arc::new(VirtualClock::at(now));
        let stores = Stores { log: Arc::new(log.clone()), rows: Arc::new(rows.clone()) };
        let opening = Opening { service: super::service(), stores: vec![stores] };
        let ids = Arc::new(SeededIds::new(1));
        let bus = Bus::open(vec![opening], clock.clone(), ids, Limits::default()).unwrap();
        Self { bus, clock, log, rows }
    }

    /// The world after a restart; `flushed` says whether the views were written before.
    pub(super) fn restarted(self, flushed: bool) -> Self {
        if flushed {
            self.bus.flush().unwrap();
        }
        let now = self.bus.now();
        Self::on(self.log.crash(), self.rows.crash(usize::MAX), now)
    }

    pub(super) fn send<C: Command>(&self, command: C) -> Result<C::Answer, NotDone<C::Refusal>> {
        drive(&self.bus, self.bus.send(command))
    }

    pub(super) fn send_as<C: Command>(&self, command: C, meta: Meta) -> Reply<C> {
        drive(&self.bus, self.bus.send_as(command, meta))
    }

    /// What a command would do: its reply, and the events' wire names.
    pub(super) fn rehearse<C: Command>(&self, command: C) -> (Reply<C>, Vec<String>) {
        let reply = self.send_as(command, Meta { dry_run: true, ..Meta::default() });
        #[derive(Deserialize)]
        struct Named {
            r#type: String,
        }
        let name = |json: &str| serde_json::from_str::<Named>(json).unwrap().r#type;
        let names = reply.events.iter().map(|event| name(event.get())).collect();
        (reply, names)
    }

    pub(super) fn refused<C: Command>(&self, command: C) -> C::Refusal {
        match self.send(command) {
            Err(NotDone::Refused(refusal)) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Time passes.
    pub(super) fn pass_hours(&self, hours: i64) {
        self.clock.set(self.bus.now().plus_ms(hours * HOUR_MS));
    }

    pub(super) fn sweep(&self) -> usize {
        drive(&self.bus, self.bus.sweep()).unwrap()
    }

    pub(super) fn batch(&self, reference: &str, sku_name: &str, quantity: u64, eta: Option<&str>) {
        self.send(batch(reference, sku_name, quantity, eta)).unwrap();
    }

    pub(super) fn allocate(&self, order: &str, sku_name: &str, quantity: u64) -> Placement {
        self.send(line(order, sku_name, quantity)).unwrap()
    }

    /// A line that waits when there is no stock.
    pub(super) fn queue(&self, order: &str, sku_name: &str, quantity: u64) -> Placement {
        self.send(Allocate { short: WhenShort::Queue, ..line(order, sku_name, quantity) }).unwrap()
    }

    pub(super) fn resize(&self, reference: &str, quantity: u64) -> BatchChanged {
        let quantity = Some(Level::new(quantity).unwrap());
        self.send(ChangeBatch { quantity, ..change(reference) }).unwrap()
    }

    pub(super) fn slip(&self, reference: &str, eta: Option<&str>) -> BatchChanged {
        self.send(ChangeBatch { eta: Some(eta.map(day)), ..change(reference) }).unwrap()
    }

    pub(super) fn deallocate(&self, order: &str, line: &str) -> Vec<[String; 3]> {
        moves(&self.send(deallocate(order, line)).unwrap().moved)
    }

    /// Where the lines of an order are: their batches, or their phase.
    pub(super) fn places(&self, order: &str) -> Vec<String> {
        let place = |line: LineState| {
            line.batch.map_or_else(|| format!("{:?}", line.state), |batch| batch.0.to_string())
        };
        self.lines(order).into_iter().map(place).collect()
    }

    pub(super) fn lines(&self, order: &str) -> Vec<LineState> {
        self.bus.ask(GetLines { order_id: order_id(order), line_id: None }).unwrap()
    }

    pub(super) fn state(&self, reference: &str) -> BatchState {
        self.bus.ask(GetBatch { reference: reference_of(reference) }).unwrap().unwrap()
    }

    /// Purchased, allocated, held, available.
    pub(super) fn totals(&self, reference: &str) -> [u32; 4] {
        let it = self.state(reference);
        [it.purchased_quantity, it.allocated_quantity, it.held_quantity, it.available_quantity]
    }

    /// The number of the last event.
    pub(super) fn head(&self) -> u64 {
        self.bus.status()[0].head
    }

    /// What happened to stocks after an event, read from the log.
    pub(super) fn told(&self, after: u64) -> Vec<Told> {
        #[derive(Deserialize)]
        struct Envelope {
            of: String,
            key: String,
        }
        let mut told = Vec::new();
        for record in self.bus.records("allocation", 0, after, u64::MAX).unwrap() {
            let events: Vec<Box<serde_json::value::RawValue>> =
                serde_json::from_str(&record.events).unwrap();
            for (seq, json) in (record.first_seq..).zip(events) {
                let Envelope { of, key: sku } = serde_json::from_str(json.get()).unwrap();
                if of == "stock" && seq > after {
                    told.push(Told { seq, sku, event: serde_json::from_str(json.get()).unwrap() });
                }
            }
        }
        told
    }

    /// The names of what happened to stocks after an event, without the service's.
    pub(super) fn names(&self, after: u64) -> Vec<&'static str> {
        let name = |it: Told| it.event.name().trim_start_matches("allocation.");
        self.told(after).into_iter().map(name).collect()
    }

    /// The stocks as the log has them.
    pub(super) fn stocks(&self) -> BTreeMap<String, Stock> {
        let mut stocks: BTreeMap<String, Stock> = BTreeMap::new();
        for told in self.told(0) {
            stocks.entry(told.sku).or_default().evolve(&told.event);
        }
        stocks
    }

    /// Everything that must hold does, the views say what the stocks are, and nothing waits that
    /// could be placed.
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
            self.check_short(&name, &stock);
        }
        let orders: BTreeSet<_> = self.told(0).into_iter().filter_map(order_of).collect();
        let rows: usize = orders.iter().map(|order| self.lines(order).len()).sum();
        assert_eq!(rows, lines, "the views have lines that the stocks have not");
    }

    fn check_short(&self, name: &str, stock: &Stock) {
        let today = Day::of(self.bus.now());
        let mut short = 0;
        for (key, line) in stock.all_lines() {
            let Place::Short { .. } = line.place else { continue };
            let (quantity, need_by) = (line.open(), line.need_by);
            short += u64::from(quantity);
            let demand = Demand { quantity, need_by, today };
            let free = stock.all_totals().find(|it| obstacle(it, demand).is_none());
            assert!(free.is_none(), "{key:?} of {name} waits and fits {free:?}");
        }
        let level = self.bus.ask(GetStock { sku: sku(name) }).unwrap().unwrap().level;
        assert_eq!(level.short, short);
    }
}

fn order_of(told: Told) -> Option<String> {
    told.event.line().map(|(key, _)| key.order_id.0.to_string())
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

/// The batch of a placed line, or nothing.
pub(super) fn batch_of(placement: &Placement) -> Option<&str> {
    match &placement.outcome {
        Outcome::Placed { line, .. } => line.batch.as_ref().map(|batch| &*batch.0),
        _ => None,
    }
}

/// Which lines moved: order, from, to.
pub(super) fn moves(moved: &[MovedLine]) -> Vec<[String; 3]> {
    let name = |it: &Option<BatchReference>| it.as_ref().map_or("-".into(), |it| it.0.to_string());
    moved.iter().map(|it| [it.order_id.0.to_string(), name(&it.from), name(&it.to)]).collect()
}
