//! A bus of test services, on disks that outlive it.

use std::sync::Arc;

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
        let opening = |(service, disk): (Service, &Disk)| Opening {
            service,
            stores: vec![Stores { log: Arc::new(disk.clone()), rows: Arc::new(disk.clone()) }],
        };
        let openings = services.into_iter().zip(&disks).map(opening).collect();
        let ids = Arc::new(SeededIds::new(7));
        let bus = Bus::open(openings, clock.clone(), ids, limits).unwrap();
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
