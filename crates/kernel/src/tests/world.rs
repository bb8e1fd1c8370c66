//! A bus of test services, on disks that outlive it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::bus::runtime::drive;
use crate::bus::sending::Bus;
use crate::model::limits::Limits;
use crate::model::message::{Command, Meta, Reply};
use crate::model::outcome::NotDone;
use crate::ports::clock::{UnixMillis, VirtualClock};
use crate::ports::ids::SeededIds;
use crate::ports::stores::Stores;
use crate::table::opening::Opening;
use crate::table::service::Service;

use super::disk::Disk;

/// A bus of test services with one partition each, on disks that outlive it.
pub(crate) struct World {
    pub(crate) bus: Bus,
    pub(crate) clock: Arc<VirtualClock>,
    disks: Vec<Disk>,
}

impl World {
    pub(crate) fn new(services: Vec<Service>) -> Self {
        let disks = services.iter().map(|_| Disk::new()).collect();
        Self::on(services, disks, Limits::default())
    }

    pub(crate) fn on(services: Vec<Service>, disks: Vec<Disk>, limits: Limits) -> Self {
        let clock = Arc::new(VirtualClock::at(UnixMillis(1_000)));
        let rows = disks.clone();
        Self::open(services, disks, &rows, clock, SeededIds::new(7), limits)
    }

    /// A bus of one service with several partitions.
    pub(crate) fn partitioned(service: Service, partitions: usize) -> Self {
        let clock = Arc::new(VirtualClock::at(UnixMillis(1_000)));
        let disks: Vec<_> = (0..partitions).map(|_| Disk::new()).collect();
        let stores =
            |disk: &Disk| Stores { log: Arc::new(disk.clone()), rows: Arc::new(disk.clone()) };
        let opening = Opening { service, stores: disks.iter().map(stores).collect() };
        let ids = Arc::new(SeededIds::new(7));
        let bus = Bus::open(vec![opening], clock.clone(), ids, Limits::default()).unwrap();
        Self { bus, clock, disks }
    }

    /// Another node: a bus on the same shared logs and with the same clock, but with its own rows.
    pub(crate) fn beside(&self, services: Vec<Service>) -> Self {
        let rows: Vec<_> = self.disks.iter().map(|_| Disk::new()).collect();
        let (disks, clock, ids) = (self.disks.clone(), self.clock.clone(), SeededIds::new(8));
        Self::open(services, disks, &rows, clock, ids, Limits::default())
    }

    fn open(
        services: Vec<Service>,
        disks: Vec<Disk>,
        rows: &[Disk],
        clock: Arc<VirtualClock>,
        ids: SeededIds,
        limits: Limits,
    ) -> Self {
        let opening = |(service, (log, rows)): (Service, (&Disk, &Disk))| Opening {
            service,
            stores: vec![Stores { log: Arc::new(log.clone()), rows: Arc::new(rows.clone()) }],
        };
        let openings = services.into_iter().zip(disks.iter().zip(rows)).map(opening).collect();
        let bus = Bus::open(openings, clock.clone(), Arc::new(ids), limits).unwrap();
        Self { bus, clock, disks }
    }

    pub(crate) fn disk(&self, index: usize) -> &Disk {
        &self.disks[index]
    }

    /// Stops without flushing and opens a new bus on the same disks.
    pub(crate) fn restarted(self, services: Vec<Service>) -> Self {
        self.disks.iter().for_each(Disk::restart);
        Self::on(services, self.disks, Limits::default())
    }

    /// Moves the clock forward.
    pub(crate) fn pass_ms(&self, ms: i64) {
        self.clock.set(self.bus.now().plus_ms(ms));
    }

    /// Polls a future and drives the partitions until it is ready, or waits for something else.
    pub(crate) fn advance<T>(&self, mut future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        loop {
            let polled = poll(future.as_mut());
            if polled.is_ready() || !self.bus.step() {
                return polled;
            }
        }
    }

    pub(crate) fn send<C: Command>(&self, command: C) -> Result<C::Answer, NotDone<C::Refusal>> {
        self.send_as(command, Meta::default()).ending
    }

    pub(crate) fn send_as<C: Command>(&self, command: C, meta: Meta) -> Reply<C> {
        drive(&self.bus, self.bus.send_as(command, meta))
    }

    pub(crate) fn halted(&self) -> bool {
        self.bus.status().iter().any(|it| it.halted.is_some())
    }
}

/// Polls a future once.
pub(crate) fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
