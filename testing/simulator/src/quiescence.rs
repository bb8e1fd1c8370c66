//! The end of a run: all faults are switched off, and every accepted request must be completed and
//! keep its answer.

use std::task::{Context, Poll, Waker};

use earmark_contracts::allocation::LineAllocated;
use earmark_kernel::clock::Clock;
use earmark_kernel::{Bus, Failure, NotDone, PublicEvent, RefusedJson};

use crate::coverage::CoverageMark;
use crate::disk::Disk;
use crate::jobs::work_off;
use crate::tally::TALLY;
use crate::workload::Workload;
use crate::world::{Checked, Job, World};

/// Everything in flight must be completed within this number of groups.
const GROUPS_MAX: usize = 1_000;
/// Timers, events and parked messages must be used up within this number of jobs.
const JOBS_MAX: usize = 10_000;
/// Without faults, a request must be decided within this number of attempts.
const ATTEMPTS_MAX: usize = 3;

impl World {
    /// Switches off all faults and checks every guarantee.
    pub(crate) fn heal(&mut self) -> Checked {
        self.healed = true;
        self.trace.line(format_args!("all faults are switched off"));
        self.disks.iter().for_each(Disk::heal);
        self.handler_fault.set(false);
        self.clock.correct();
        let halted = |bus: &Bus| bus.status().iter().any(|it| it.halted.is_some());
        if self.bus.as_ref().is_some_and(halted) {
            self.crash(true)?;
        }
        let bus = self.running()?;
        self.finish_calls(&bus)?;
        self.resolve(&bus)?;
        self.finish_jobs(&bus)?;
        self.auditor.stock.check_holds(None, self.clock.now().0)?;
        self.check(&bus)?;
        self.flush(&bus)?;
        if self.disks.iter().any(|disk| disk.has_rows("snapshot_stock")) {
            self.coverage.record(CoverageMark::Snapshot);
        }
        self.check(&bus)?;
        for delete in [false, true] {
            self.crash(false)?;
            if delete {
                self.delete_rows();
            }
            let bus = self.running()?;
            self.check(&bus)?;
            self.resend_decided(&bus)?;
        }
        let bus = self.running()?;
        self.check_delivery(&bus)?;
        Ok(())
    }

    fn running(&mut self) -> Checked<Bus> {
        if self.bus.is_none() {
            self.start()?;
        }
        self.bus.clone().ok_or_else(|| "the process does not start".into())
    }

    /// Completes everything in flight.
    fn finish_calls(&mut self, bus: &Bus) -> Checked {
        for _ in 0..GROUPS_MAX {
            for client in 0..self.clients.len() {
                self.poll_client(client)?;
            }
            let mut task = Context::from_waker(Waker::noop());
            self.detached.retain_mut(|call| call.answer.as_mut().poll(&mut task).is_pending());
            self.jobs.retain_mut(|(_, it)| it.as_mut().poll(&mut task).is_pending());
            self.write(bus)?;
            let is_waiting = self.clients.iter().any(|client| client.call.is_some());
            if !is_waiting && self.detached.is_empty() && self.jobs.is_empty() {
                return Ok(());
            }
        }
        Err(format!("something is still in flight after {GROUPS_MAX} groups"))
    }

    /// Sends every request with an unknown outcome again until it is decided.
    fn resolve(&mut self, bus: &Bus) -> Checked {
        for index in 0..self.history.entries.len() {
            // Some requests that are known to have failed are not repeated.
            let retries_failed = self.rng.chance(50);
            let entry = &self.history.entries[index];
            let failed = entry.decided.is_none() && !entry.is_final;
            if entry.is_unresolved() || (failed && retries_failed) {
                self.send_until_decided(bus, index)?;
            }
        }
        self.history.check_failed(&self.auditor)
    }

    fn send_until_decided(&mut self, bus: &Bus, index: usize) -> Checked {
        let mut last = None;
        for _ in 0..ATTEMPTS_MAX {
            let call = self.call(bus, index);
            self.clients[0].call = Some(call);
            last = Some(self.finish_first(bus)?);
            let entry = &self.history.entries[index];
            if entry.decided.is_some() || entry.is_final {
                return Ok(());
            }
        }
        let entry = &self.history.entries[index];
        Err(format!(
            "{} {} is not decided after {ATTEMPTS_MAX} attempts: {last:?}",
            entry.key, entry.request.name
        ))
    }

    fn finish_first(&mut self, bus: &Bus) -> Checked<usize> {
        for groups in 0..GROUPS_MAX {
            self.poll_client(0)?;
            if self.clients[0].call.is_none() {
                return Ok(groups);
            }
            self.write(bus)?;
        }
        Err(format!("no answer after {GROUPS_MAX} groups"))
    }

    /// Handles timers, events and parked messages until none is left.
    fn finish_jobs(&mut self, bus: &Bus) -> Checked {
        // What is open is due after a second.
        self.clock.advance(1_001);
        self.repeat_until_idle(bus, "timer", |bus| Box::pin(async move { bus.sweep().await }))?;
        self.repeat_until_idle(bus, "due operation", |bus| Box::pin(work_off(bus)))?;
        for subscription in bus.subscriptions() {
            let poll = |bus: Bus| -> Job {
                let subscription = subscription.clone();
                Box::pin(async move { bus.poll(&subscription).await })
            };
            self.repeat_until_idle(bus, "public event", poll)?;
        }
        self.repeat_until_idle(bus, "parked message", |bus| Box::pin(replay_first_parked(bus)))
    }

    /// Repeats a job until it has nothing left to do.
    fn repeat_until_idle(&mut self, bus: &Bus, what: &str, job: impl Fn(Bus) -> Job) -> Checked {
        for _ in 0..JOBS_MAX {
            if self.finish(bus, job(bus.clone()))? == 0 {
                return Ok(());
            }
        }
        Err(format!("there is still a {what} after {JOBS_MAX} jobs"))
    }

    fn finish(&mut self, bus: &Bus, mut job: Job) -> Checked<usize> {
        let mut task = Context::from_waker(Waker::noop());
        for _ in 0..GROUPS_MAX {
            if let Poll::Ready(ended) = job.as_mut().poll(&mut task) {
                return ended.map_err(|failure| {
                    format!("failed after all faults were switched off: {failure}")
                });
            }
            self.write(bus)?;
        }
        Err(format!("a job is not done after {GROUPS_MAX} groups"))
    }

    fn check(&mut self, bus: &Bus) -> Checked {
        self.verify(bus)?;
        let orders: Vec<String> = self.workload.order_ids().collect();
        let skus = Workload::skus().into_iter().cycle();
        for (order, sku) in orders.iter().chain(&orders).zip(skus) {
            self.compare_views(bus, sku, order)?;
        }
        Ok(())
    }

    /// Sends every decided request again: the answer must be the same to the byte.
    fn resend_decided(&mut self, bus: &Bus) -> Checked {
        let before = self.auditor.events();
        for index in 0..self.history.entries.len() {
            if self.history.entries[index].decided.is_some() {
                self.send_until_decided(bus, index)?;
            }
        }
        if self.auditor.events() == before {
            return Ok(());
        }
        Err("repeating a decided request recorded events".into())
    }

    /// The feed has delivered every public event once, and the tally service has counted each
    /// allocation once.
    fn check_delivery(&mut self, bus: &Bus) -> Checked {
        let mut delivered = Vec::new();
        for (partition, subscriber) in self.subscribers.iter_mut().enumerate() {
            while subscriber.read(bus, 50)?.map_err(|failure| failure.to_string())? > 0 {}
            subscriber.check(&self.auditor.public_events[partition])?;
            delivered.extend(subscriber.payloads(LineAllocated::NAME));
        }
        let mut counted = self.auditor.counted.clone();
        delivered.sort_unstable();
        counted.sort_unstable();
        if delivered == counted {
            return Ok(());
        }
        let difference = delivered.iter().zip(&counted).find(|(a, b)| a != b);
        let (delivered, counted) = (delivered.len(), counted.len());
        Err(format!(
            "{delivered} allocations delivered, {counted} counted; first difference: {difference:?}"
        ))
    }
}

/// Replays the first parked message; returns the number of messages replayed.
async fn replay_first_parked(bus: Bus) -> Result<usize, Failure> {
    let Some((id, _)) = bus.parked(TALLY, None, 1)?.into_iter().next() else {
        return Ok(0);
    };
    let Some(reply) = bus.replay_parked(TALLY, &id, false).await? else {
        return Ok(1);
    };
    let why = |not_done: NotDone<RefusedJson>| not_done.map_refused(|it| it.text);
    reply.ending.map(|_| 1).map_err(|it| Failure::Storage(why(it).to_string()))
}

impl World {
    /// Number of requests that have been decided.
    pub(crate) fn decided(&self) -> u64 {
        self.history.entries.iter().filter(|it| it.decided.is_some()).count() as u64
    }
}
