//! The life cycle of the process: start, injected faults, crash, and checks of its views.

use earmark_kernel::{Bus, NotVerified, Opening};
use earmark_services::allocation;
use earmark_stores::memory::AppendFault;

use crate::coverage::CoverageMark;
use crate::disk::Disk;
use crate::faults::FaultKind;
use crate::history::AttemptState;
use crate::tally::{self, TALLY};
use crate::view_check::{compare_order, compare_stock};
use crate::workload::Workload;
use crate::world::{Checked, World};

impl World {
    /// Starts a process on the current disks.
    pub(crate) fn start(&mut self) -> Checked {
        let (tallies, allocations) = self.disks.split_last().ok_or("no disks")?;
        let openings = vec![
            Opening {
                service: allocation::service(),
                stores: allocations.iter().map(Disk::stores).collect(),
            },
            Opening {
                service: tally::service(&self.handler_fault),
                stores: vec![tallies.stores()],
            },
        ];
        let opened = Bus::open(openings, self.clock.clone(), self.ids.clone(), self.limits);
        match opened {
            Ok(bus) => {
                self.incarnation += 1;
                self.trace.line(format_args!("start {}", self.incarnation));
                self.bus = Some(bus);
                Ok(())
            }
            Err(error) => {
                self.trace.line(format_args!("start failed: {error}"));
                self.may_fail::<()>(Err(error.into()))
            }
        }
    }

    /// The process crashes and loses power.
    pub(crate) fn crash(&mut self, halted: bool) -> Checked {
        self.read_logs()?;
        let calls = self.clients.iter_mut().filter_map(|client| client.call.take());
        for call in calls.chain(self.detached.drain(..)).filter(|call| !call.is_reuse) {
            let entry = &mut self.history.entries[call.entry];
            entry.attempts[call.attempt].state = AttemptState::Lost;
            if entry.decided.is_none() && self.auditor.answer(&entry.key).is_some() {
                self.coverage.record(CoverageMark::CrashBetweenAppendAndAnswer);
            }
        }
        self.jobs.clear();
        self.bus = None;
        let lossy = self.has(FaultKind::LostFlushes);
        for disk in &mut self.disks {
            let flushed = disk.unsynced_count();
            let kept = if lossy { self.rng.index(flushed + 1) } else { flushed };
            if kept < flushed {
                self.coverage.record(CoverageMark::LostFlush);
            }
            disk.crash(kept);
        }
        if lossy && self.rng.chance(15) {
            self.delete_rows();
        }
        self.coverage.record(CoverageMark::Crash);
        self.trace.line(format_args!("crash, halted: {halted}"));
        self.auditor.compare(&self.disks)
    }

    pub(crate) fn delete_rows(&mut self) {
        self.trace.line(format_args!("rows deleted"));
        self.disks.iter_mut().for_each(Disk::delete_rows);
        self.coverage.record(CoverageMark::RebuildFromEmptyRows);
    }

    /// Injects one of the faults that are switched on.
    pub(crate) fn inject_fault(&mut self) {
        const INJECTED: [FaultKind; 6] = [
            FaultKind::FailedCommits,
            FaultKind::FullDisk,
            FaultKind::UnknownCommits,
            FaultKind::FlushFailures,
            FaultKind::ReadFailures,
            FaultKind::BrokenHandlers,
        ];
        let on: Vec<FaultKind> = INJECTED.into_iter().filter(|fault| self.has(*fault)).collect();
        if on.is_empty() {
            return;
        }
        let fault = *self.rng.pick(&on);
        let index = self.rng.index(self.disks.len());
        self.trace.line(format_args!("fault {fault:?} {index}"));
        let (disk, rng) = (&self.disks[index], &mut self.rng);
        match fault {
            FaultKind::FailedCommits => {
                self.coverage.record(CoverageMark::FailedCommit);
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
                let is_on = rng.chance(50);
                self.handler_fault.set(is_on);
            }
            _ => {}
        }
    }

    /// Reads the stock of a random SKU and the lines of a random order.
    pub(crate) fn read_views(&mut self, bus: &Bus) -> Checked {
        let sku = *self.rng.pick(&Workload::skus());
        let order = self.rng.pick(&self.workload.order_ids().collect::<Vec<_>>()).clone();
        self.compare_views(bus, sku, &order)
    }

    pub(crate) fn compare_views(&mut self, bus: &Bus, sku: &str, order: &str) -> Checked {
        self.read_logs()?;
        if !self.is_current(bus)? {
            return Ok(());
        }
        let today = earmark_contracts::values::Day::of(self.clock.latest());
        let compared = compare_stock(bus, &self.auditor.stock, sku, today)?;
        self.may_fail(compared)?;
        let compared = compare_order(bus, &self.auditor.stock, &self.auditor.reservations, order)?;
        self.may_fail(compared)
    }

    /// Whether the process has read its logs to the end. A commit with an unknown outcome may be in
    /// the log without the process knowing it. After all faults are switched off that is an error.
    fn is_current(&self, bus: &Bus) -> Checked<bool> {
        let status = bus.status();
        let heads: Vec<u64> = status.iter().map(|it| it.head).collect();
        let ends: Vec<u64> = (0..self.disks.len()).map(|log| self.auditor.head(log)).collect();
        if self.healed && heads != ends {
            return Err(format!("the logs end at {ends:?}, the process is at {heads:?}"));
        }
        Ok(heads == ends)
    }

    /// Replays the whole logs and compares the result with the views.
    pub(crate) fn verify(&mut self, bus: &Bus) -> Checked {
        if !self.is_current(bus)? || self.disks.iter().any(Disk::is_unreadable) {
            return Ok(());
        }
        for service in ["allocation", TALLY] {
            match bus.verify(service, |_, _| {}) {
                Ok(verified) => {
                    self.coverage.record(CoverageMark::Verified);
                    self.trace.line(format_args!("verified {verified:?}"));
                }
                Err(NotVerified::Unreadable(failure)) => {
                    self.may_fail::<()>(Err(failure))?;
                }
                // Time passes in leaps here, and the worker may not have had its turn.
                Err(NotVerified::Broken(what))
                    if !self.healed && what.ends_with("has not ended") => {}
                Err(NotVerified::Difference(what) | NotVerified::Broken(what)) => {
                    return Err(format!("verify: {what}"));
                }
            }
        }
        Ok(())
    }
}
