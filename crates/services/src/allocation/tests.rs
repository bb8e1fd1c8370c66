//! Tests of the service through its bus.

use std::sync::Arc;

use earmark_contracts::allocation::{
    Allocate, ChangeBatch, CreateBatch, GetBatch, GetLines, LinePhase, Outcome, Placement,
    WhenShort,
};
use earmark_contracts::values::{
    BatchReference, Day, Level, LineId, OrderId, Priority, Quantity, Sku, Text,
};
use earmark_kernel::clock::VirtualClock;
use earmark_kernel::ids::SeededIds;
use earmark_kernel::runtime::drive;
use earmark_kernel::{Bus, Command, Limits, NotDone, Now, Opening, Stores};
use earmark_stores::memory::{MemoryLog, MemoryRows};

/// A bus with the service on a memory store, at noon of 2 January 2011.
pub(super) struct World {
    pub(super) bus: Bus,
    pub(super) clock: Arc<VirtualClock>,
    log: MemoryLog,
    rows: MemoryRows,
}

pub(super) const NOON: Now = Now(1_293_969_600_000);

impl World {
    pub(super) fn new() -> Self {
        Self::on(MemoryLog::new("0190a0b0-0000-7000-8000-000000000000"), MemoryRows::new(), NOON)
    }

    fn on(log: MemoryLog, rows: MemoryRows, now: Now) -> Self {
        let clock = Arc::new(VirtualClock::at(now));
        let stores = Stores { log: Arc::new(log.clone()), rows: Arc::new(rows.clone()) };
        let opening = Opening { service: super::service(), stores: vec![stores] };
        let ids = Arc::new(SeededIds::new(1));
        let bus = Bus::open(vec![opening], clock.clone(), ids, Limits::default()).unwrap();
        Self { bus, clock, log, rows }
    }

    /// The world after a restart; `settled` says whether the views were written before.
    pub(super) fn restarted(self, settled: bool) -> Self {
        if settled {
            self.bus.settle().unwrap();
        }
        let now = self.bus.now();
        Self::on(self.log.crash(), self.rows.crash(usize::MAX), now)
    }

    pub(super) fn send<C: Command>(&self, command: C) -> Result<C::Answer, NotDone<C::Refusal>> {
        drive(&self.bus, self.bus.send(command))
    }

    pub(super) fn batch(&self, reference: &str, sku_name: &str, quantity: u64, eta: Option<&str>) {
        let created = CreateBatch {
            reference: reference_of(reference),
            sku: sku(sku_name),
            quantity: Quantity::new(quantity).unwrap(),
            eta: eta.map(day),
            expires: None,
        };
        self.send(created).unwrap();
    }

    pub(super) fn allocate(&self, order: &str, sku_name: &str, quantity: u64) -> Placement {
        self.send(line(order, sku_name, quantity)).unwrap()
    }

    pub(super) fn shrink(&self, reference: &str, quantity: u64) {
        let change = ChangeBatch {
            reference: reference_of(reference),
            quantity: Some(Level::new(quantity).unwrap()),
            eta: None,
            reason: "water damage".into(),
            if_match: Vec::new(),
        };
        self.send(change).unwrap();
    }

    /// Where the lines of an order are: their batches, or their phase.
    pub(super) fn places(&self, order: &str) -> Vec<String> {
        let lines = self.bus.ask(GetLines { order_id: order_id(order), line_id: None }).unwrap();
        let place = |line: earmark_contracts::allocation::LineState| {
            line.batch.map_or_else(|| format!("{:?}", line.state), |batch| batch.0.to_string())
        };
        lines.into_iter().map(place).collect()
    }
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
pub(super) fn line(order: &str, sku_name: &str, quantity: u64) -> Allocate {
    Allocate {
        order_id: order_id(order),
        line_id: None,
        sku: sku(sku_name),
        quantity: Quantity::new(quantity).unwrap(),
        need_by: None,
        priority: Priority::default(),
        short: WhenShort::Reject,
    }
}

fn batch_of(placement: &Placement) -> Option<&str> {
    match &placement.outcome {
        Outcome::Placed { line, .. } => line.batch.as_ref().map(|batch| &*batch.0),
        _ => None,
    }
}

#[test]
fn the_warehouse_is_preferred_to_what_is_on_its_way() {
    let world = World::new();
    world.batch("later", "CLOCK", 100, Some("2011-02-01"));
    world.batch("soon", "CLOCK", 100, Some("2011-01-10"));
    world.batch("here", "CLOCK", 10, None);
    assert_eq!(batch_of(&world.allocate("o1", "CLOCK", 10)), Some("here"));
    assert_eq!(batch_of(&world.allocate("o2", "CLOCK", 10)), Some("soon"));
    assert_eq!(batch_of(&world.allocate("o3", "CLOCK", 91)), Some("later"));
    assert_eq!(batch_of(&world.allocate("o4", "CLOCK", 91)), None);
}

#[test]
fn a_batch_that_shrinks_gives_its_latest_lines_to_others() {
    let world = World::new();
    world.batch("b1", "VASE", 50, None);
    world.batch("b2", "VASE", 50, Some("2011-01-10"));
    world.allocate("o1", "VASE", 20);
    world.allocate("o2", "VASE", 20);
    world.shrink("b1", 25);
    assert_eq!(world.places("o1"), ["b1"]);
    assert_eq!(world.places("o2"), ["b2"]);
    let b1 = world.bus.ask(GetBatch { reference: reference_of("b1") }).unwrap().unwrap();
    assert_eq!((b1.available_quantity, b1.allocated_quantity), (5, 20));
}

#[test]
fn a_line_that_lost_its_place_waits_and_is_placed_when_stock_comes() {
    let world = World::new();
    world.batch("b1", "LAMP", 30, None);
    world.allocate("o1", "LAMP", 20);
    world.shrink("b1", 10);
    assert_eq!(world.places("o1"), ["Short"]);
    world.batch("b2", "LAMP", 30, None);
    assert_eq!(world.places("o1"), ["b2"]);
    world.bus.verify("allocation", |_, _| {}).unwrap();
}

#[test]
fn what_was_answered_is_there_after_a_restart() {
    for settled in [false, true] {
        let world = World::new();
        world.batch("b1", "LAMP", 30, None);
        world.allocate("o1", "LAMP", 20);
        let world = world.restarted(settled);
        assert_eq!(world.places("o1"), ["b1"]);
        assert_eq!(batch_of(&world.allocate("o2", "LAMP", 11)), None);
        assert!(world.allocate("o1", "LAMP", 20).existed);
        world.bus.verify("allocation", |_, _| {}).unwrap();
        assert_eq!(
            world
                .bus
                .ask(GetLines { order_id: order_id("o1"), line_id: Some(line_id("LAMP")) })
                .unwrap()[0]
                .state,
            LinePhase::Placed
        );
    }
}
