//! The process: how it starts, what may go wrong on its disks, how it dies.

use earmark_kernel::{Bus, NotVerified, Opening};
use earmark_services::allocation;
use earmark_stores::memory::AppendFault;

use crate::coverage::CoverageMark;
use crate::disk::Disk;
use crate::faults::FaultKind;
use crate::history::Fate;
use crate::inspection::{look_at_order, look_at_sku};
use crate::mirror::{self, MIRROR};
use crate::workload::Workload;
use crate::world::{Checked, World};

impl World {
    /// A process starts on the disks as they are.
    pub(crate) fn start(&mut self) -> Checked {
        let (mirrors, allocations) = self.disks.split_last().ok_or("no disks")?;
        let openings = vec![
            Opening {
                service: allocation::service(),
                stores: allocations.iter().map(Disk::stores).collect(),
            },
            Opening { service: mirror::service(&self.fuse), stores: vec![mirrors.stores()] },
        ];
        let opened = Bus::open(openings, self.clock.clone(), self.ids.clone(), self.limits);
        match opened {
            Ok(bus) => {
                self.life += 1;
                self.trace.line(format_args!("start {}", self.life));
                self.bus = Some(bus);
                Ok(())
            }
            Err(error) => {
                self.trace.line(format_args!("no start: {error}"));
                self.may_fail::<()>(Err(error.into()))
            }
        }
    }

    /// The process dies, and its power with it.
    pub(crate) fn crash(&mut self, halted: bool) -> Checked {
        self.read_logs()?;
        let calls = self.clients.iter_mut().filter_map(|client| client.call.take());
        for call in calls.chain(self.detached.drain(..)).filter(|call| !call.is_reuse) {
            let page = &mut self.history.asked[call.asked];
            page.attempts[call.attempt].fate = Fate::Lost;
            if page.decided.is_none() && self.auditor.answer(&page.key).is_some() {
                self.saw.saw(CoverageMark::CrashBetweenAppendAndAnswer);
            }
        }
        self.errands.clear();
        self.bus = None;
        let lossy = self.has(FaultKind::LostFlushes);
        for disk in &mut self.disks {
            let flushed = disk.unsynced_count();
            let kept = if lossy { self.rng.place(flushed + 1) } else { flushed };
            if kept < flushed {
                self.saw.saw(CoverageMark::LostFlush);
            }
            disk.crash(kept);
        }
        if lossy && self.rng.chance(15) {
            self.delete_rows();
        }
        self.saw.saw(CoverageMark::Crash);
        self.trace.line(format_args!("crash, halted: {halted}"));
        self.auditor.compare(&self.disks)
    }

    pub(crate) fn delete_rows(&mut self) {
        self.trace.line(format_args!("the rows are deleted"));
        self.disks.iter_mut().for_each(Disk::delete_rows);
        self.saw.saw(CoverageMark::RebuildFromEmptyRows);
    }

    /// One of the faults that are on makes trouble.
    pub(crate) fn order_fault(&mut self) {
        const MAKERS: [FaultKind; 6] = [
            FaultKind::FailedCommits,
            FaultKind::FullDisk,
            FaultKind::UnknownCommits,
            FaultKind::FlushFailures,
            FaultKind::ReadFailures,
            FaultKind::BrokenHandlers,
        ];
        let on: Vec<FaultKind> = MAKERS.into_iter().filter(|fault| self.has(*fault)).collect();
        if on.is_empty() {
            return;
        }
        let fault = *self.rng.pick(&on);
        let place = self.rng.place(self.disks.len());
        self.trace.line(format_args!("fault {fault:?} {place}"));
        let (disk, rng) = (&self.disks[place], &mut self.rng);
        match fault {
            FaultKind::FailedCommits => {
                self.saw.saw(CoverageMark::FailedCommit);
                disk.faults.next_append(AppendFault::Failed);
            }
            FaultKind::FullDisk => {
                (0..=rng.below(3)).for_each(|_| disk.faults.next_append(AppendFault::Full));
            }
            FaultKind::UnknownCommits if rng.chance(40) => {
                let written = rng.chance(50);
                let fault =
                    if written { AppendFault::UnknownWritten } else { AppendFault::UnknownLost };
                disk.faults.next_append(fault);
            }
            FaultKind::FlushFailures => disk.faults.fail_flushes(1),
            FaultKind::ReadFailures => disk.fail_reads(1 + rng.below(3)),
            FaultKind::BrokenHandlers => {
                let bad = rng.chance(50);
                self.fuse.set_bad(bad);
            }
            _ => {}
        }
    }

    /// A reader looks at some stock and some order.
    pub(crate) fn look(&mut self, bus: &Bus) -> Checked {
        let sku = *self.rng.pick(&Workload::skus());
        let order = self.rng.pick(&self.workload.order_ids().collect::<Vec<_>>()).clone();
        self.look_at(bus, sku, &order)
    }

    pub(crate) fn look_at(&mut self, bus: &Bus, sku: &str, order: &str) -> Checked {
        self.read_logs()?;
        if !self.is_current(bus)? {
            return Ok(());
        }
        let today = earmark_contracts::values::Day::of(self.clock.latest());
        let seen = look_at_sku(bus, &self.auditor.stock, sku, today)?;
        self.may_fail(seen)?;
        let seen = look_at_order(bus, &self.auditor.stock, order)?;
        self.may_fail(seen)
    }

    /// Whether the process knows all of the logs. A commit whose outcome is not known may be there,
    /// and this process cannot tell; once the world has healed there is no such commit.
    fn is_current(&self, bus: &Bus) -> Checked<bool> {
        let status = bus.status();
        let heads: Vec<u64> = status.iter().map(|it| it.head).collect();
        let there: Vec<u64> = (0..self.disks.len()).map(|log| self.auditor.head(log)).collect();
        if self.healed && heads != there {
            return Err(format!("healed, and yet the logs end at {there:?}, seen {heads:?}"));
        }
        Ok(heads == there)
    }

    /// The whole logs are replayed and compared with the views.
    pub(crate) fn verify(&mut self, bus: &Bus) -> Checked {
        if !self.is_current(bus)? || self.disks.iter().any(Disk::is_unreadable) {
            return Ok(());
        }
        for service in ["allocation", MIRROR] {
            match bus.verify(service, |_, _| {}) {
                Ok(verified) => {
                    self.saw.saw(CoverageMark::Verified);
                    self.trace.line(format_args!("verified {verified:?}"));
                }
                Err(NotVerified::Unreadable(failure)) => {
                    self.may_fail::<()>(Err(failure))?;
                }
                Err(NotVerified::Difference(what)) => return Err(format!("verify: {what}")),
            }
        }
        Ok(())
    }
}
