//! The test world of all services: a bus with one service on memory stores, with a virtual clock.

use std::cell::RefCell;
use std::sync::Arc;

use earmark_kernel::clock::VirtualClock;
use earmark_kernel::ids::SeededIds;
use earmark_kernel::runtime::drive;
use earmark_kernel::{
    Aggregate, Bus, Command, EffectWorker, Limits, Meta, NotDone, Opening, Reply, Service, Stores,
    UnixMillis,
};
use earmark_stores::memory::{MemoryLog, MemoryRows};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The id of the log of a new world.
pub(crate) const LOG_ID: &str = "0190a0b0-0000-7000-8000-000000000000";
/// The time at which a new world starts: 2011-01-02, 12:00 UTC.
pub(crate) const NOON: UnixMillis = UnixMillis(1_293_969_600_000);
pub(crate) const HOUR_MS: i64 = 3_600_000;

/// A bus with one service, of one partition or several. Each service adds its own constructor and
/// verbs.
pub(crate) struct World {
    pub(crate) bus: Bus,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) log: MemoryLog,
    pub(crate) rows: MemoryRows,
    /// The stores of further partitions.
    more: Vec<(MemoryLog, MemoryRows)>,
    service: ServiceTable,
    workers: RefCell<Vec<EffectWorker>>,
}

/// A service by its name, and the function that returns its table.
#[derive(Clone, Copy)]
pub(crate) struct ServiceTable {
    pub(crate) name: &'static str,
    pub(crate) table: fn() -> Service,
}

/// An event of an aggregate, read from the log.
#[derive(Debug)]
pub(crate) struct LoggedEvent<E> {
    pub(crate) seq: u64,
    pub(crate) key: String,
    pub(crate) event: E,
}

impl World {
    pub(crate) fn open(
        service: ServiceTable,
        log: MemoryLog,
        rows: MemoryRows,
        now: UnixMillis,
    ) -> Self {
        Self::open_parts(service, log, rows, Vec::new(), now)
    }

    /// A service of several partitions: the first, and `more`.
    pub(crate) fn open_parts(
        service: ServiceTable,
        log: MemoryLog,
        rows: MemoryRows,
        more: Vec<(MemoryLog, MemoryRows)>,
        now: UnixMillis,
    ) -> Self {
        let clock = Arc::new(VirtualClock::at(now));
        let stores = |(log, rows): (MemoryLog, MemoryRows)| Stores {
            log: Arc::new(log),
            rows: Arc::new(rows),
        };
        let parts = std::iter::once((log.clone(), rows.clone())).chain(more.clone());
        let opening = Opening { service: (service.table)(), stores: parts.map(stores).collect() };
        let ids = Arc::new(SeededIds::new(1));
        let bus = Bus::open(vec![opening], clock.clone(), ids, Limits::default()).unwrap();
        let workers = RefCell::new(bus.effect_workers());
        Self { bus, clock, log, rows, more, service, workers }
    }

    /// The world after a restart; with `flushed`, the views are flushed before.
    pub(crate) fn restarted(self, flushed: bool) -> Self {
        if flushed {
            self.bus.flush().unwrap();
        }
        let now = self.bus.now();
        let crash = |(log, rows): &(MemoryLog, MemoryRows)| (log.crash(), rows.crash(usize::MAX));
        let more = self.more.iter().map(crash).collect();
        let (log, rows) = (self.log.crash(), self.rows.crash(usize::MAX));
        Self::open_parts(self.service, log, rows, more, now)
    }

    pub(crate) fn send<C: Command>(&self, command: C) -> Result<C::Answer, NotDone<C::Refusal>> {
        drive(&self.bus, self.bus.send(command))
    }

    pub(crate) fn send_as<C: Command>(&self, command: C, meta: Meta) -> Reply<C> {
        drive(&self.bus, self.bus.send_as(command, meta))
    }

    /// The reply to a dry run of a command, and the wire names of the events that it would record.
    pub(crate) fn dry_run<C: Command>(&self, command: C) -> (Reply<C>, Vec<String>) {
        #[derive(Deserialize)]
        struct Named {
            r#type: String,
        }
        let reply = self.send_as(command, Meta { dry_run: true, ..Meta::default() });
        let name = |json: &str| serde_json::from_str::<Named>(json).unwrap().r#type;
        let names = reply.events.iter().map(|event| name(event.get())).collect();
        (reply, names)
    }

    /// Sends a command that must be refused.
    pub(crate) fn refused<C: Command>(&self, command: C) -> C::Refusal {
        match self.send(command) {
            Err(NotDone::Refused(refusal)) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    pub(crate) fn advance_hours(&self, hours: i64) {
        self.clock.set(self.bus.now().plus_ms(hours * HOUR_MS));
    }

    /// Runs the timers and carries on the operations that are due, and returns their number.
    pub(crate) fn sweep(&self) -> usize {
        let timers = drive(&self.bus, self.bus.sweep()).unwrap();
        let mut workers = self.workers.borrow_mut();
        let operations = workers.iter_mut().map(|it| drive(&self.bus, it.run_due()).unwrap());
        timers + operations.sum::<usize>()
    }

    /// The number of events in all partitions.
    pub(crate) fn head(&self) -> u64 {
        self.bus.status().iter().map(|it| it.head).sum::<u64>()
    }

    /// The events of one kind of aggregate after a sequence number.
    pub(crate) fn events_of<A>(&self, after: u64) -> Vec<LoggedEvent<A::Event>>
    where
        A: Aggregate,
        A::Event: DeserializeOwned,
    {
        #[derive(Deserialize)]
        struct Envelope {
            of: String,
            key: String,
        }
        let mut logged = Vec::new();
        let records = (0..=self.more.len()).flat_map(|partition| {
            self.bus.records(self.service.name, partition, after, u64::MAX).unwrap()
        });
        for record in records {
            let events: Vec<Box<serde_json::value::RawValue>> =
                serde_json::from_str(&record.events).unwrap();
            for (seq, json) in (record.first_seq..).zip(events) {
                let Envelope { of, key } = serde_json::from_str(json.get()).unwrap();
                if of == A::NAME && seq > after {
                    let event = serde_json::from_str(json.get()).unwrap();
                    logged.push(LoggedEvent { seq, key, event });
                }
            }
        }
        logged
    }
}
