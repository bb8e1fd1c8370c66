//! A service for the suite's inbox: it adds numbers, refuses large ones, and panics on one.

use std::sync::Arc;

use earmark_kernel::clock::SystemClock;
use earmark_kernel::ids::RandomIds;
use earmark_kernel::runtime::Runtime;
use earmark_kernel::{
    Aggregate, Bus, Command, Event, Fact, Limits, Opening, Recorder, Service, Stores, UnixMillis,
};
use earmark_stores::memory::{MemoryLog, MemoryRows};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The handler panics on this number.
pub const BREAKS: u32 = 999;
/// The largest accepted number.
pub const ADDED_MAX: u32 = 1_000;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Tally {
    sum: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum TallyEvent {
    #[serde(rename = "tally.added")]
    Added(Added),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Added {
    by: u32,
}

impl Event for TallyEvent {
    fn name(&self) -> &'static str {
        Added::NAME
    }
}

impl Fact for Added {
    type Of = TallyEvent;
    const NAME: &'static str = "tally.added";
    fn of(event: &TallyEvent) -> Option<&Self> {
        let TallyEvent::Added(fact) = event;
        Some(fact)
    }
}

impl Aggregate for Tally {
    const NAME: &'static str = "tally";
    type Event = TallyEvent;
    fn evolve(&mut self, event: &TallyEvent) {
        let TallyEvent::Added(it) = event;
        self.sum += it.by;
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    name: String,
    by: u32,
}

#[derive(Clone, Debug, Error, Serialize, Deserialize)]
#[error("too much")]
struct TooMuch;

impl Command for Add {
    const NAME: &'static str = "tally.add";
    type Answer = u32;
    type Refusal = TooMuch;
    fn key(&self) -> Option<&str> {
        Some(&self.name)
    }
}

fn add(tally: &mut Recorder<Tally>, command: Add, _: UnixMillis) -> Result<u32, TooMuch> {
    assert_ne!(command.by, BREAKS, "it breaks on this");
    if command.by > ADDED_MAX {
        return Err(TooMuch);
    }
    tally.record(TallyEvent::Added(Added { by: command.by }));
    Ok(command.by)
}

/// A bus with the service, running on a log in memory.
pub fn bus() -> (Bus, Runtime) {
    let service = Service::of::<Tally>("tally").handles(add, &[Added::NAME]);
    let log = Arc::new(MemoryLog::new("log-a"));
    let stores = vec![Stores { log, rows: Arc::new(MemoryRows::new()) }];
    let opening = vec![Opening { service, stores }];
    let ids = Arc::new(RandomIds);
    let bus = Bus::open(opening, Arc::new(SystemClock), ids, Limits::default()).unwrap();
    let runtime = Runtime::start(&bus).unwrap();
    (bus, runtime)
}

/// The added numbers, in the order of the log.
pub fn added(bus: &Bus) -> Vec<u64> {
    let records = bus.records("tally", 0, 0, 10_000).unwrap();
    let events = records.iter().flat_map(|record| {
        let events: Vec<serde_json::Value> = serde_json::from_str(&record.events).unwrap();
        events
    });
    let added = events.filter(|event| event["type"] == "tally.added");
    added.map(|event| event["data"]["by"].as_u64().unwrap()).collect()
}
