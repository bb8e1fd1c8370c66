//! The simulated world: a process with its services, clients and disks, advanced by random steps.

use std::sync::Arc;

use earmark_kernel::clock::Clock;
use earmark_kernel::ids::SeededIds;
use earmark_kernel::{Bus, Failure, UnixMillis};

use crate::auditor::Auditor;
use crate::client::{Call, Client};
use crate::clock::WorldClock;
use crate::coverage::{Coverage, CoverageMark};
use crate::disk::Disk;
use crate::faults::FaultKind;
use crate::history::{CheckContext, History};
use crate::plan::Plan;
use crate::rng::Rng;
use crate::subscriber::Subscriber;
use crate::tally::HandlerFault;
use crate::trace::Trace;
use crate::workload::Workload;

pub(crate) type Checked<T = ()> = Result<T, String>;

/// A background job in progress; its output is the number of items that it has handled.
pub(crate) type Job = std::pin::Pin<Box<dyn Future<Output = Result<usize, Failure>>>>;

/// A simulated world.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) rng: Rng,
    pub(crate) trace: Trace,
    pub(crate) clock: Arc<WorldClock>,
    pub(crate) ids: Arc<SeededIds>,
    pub(crate) handler_fault: Arc<HandlerFault>,
    /// The partitions of the allocation service, then the one of the tally service.
    pub(crate) disks: Vec<Disk>,
    pub(crate) limits: earmark_kernel::Limits,
    /// `None` while no process runs.
    pub(crate) bus: Option<Bus>,
    /// How many times the process has been started.
    pub(crate) incarnation: u64,
    pub(crate) groups: u64,
    pub(crate) workload: Workload,
    pub(crate) clients: Vec<Client>,
    /// Commands that continue after their clients disconnected.
    pub(crate) detached: Vec<Call>,
    /// Background jobs in progress, by name.
    pub(crate) jobs: Vec<(&'static str, Job)>,
    pub(crate) subscribers: Vec<Subscriber>,
    pub(crate) history: History,
    pub(crate) auditor: Auditor,
    pub(crate) coverage: Coverage,
    /// All faults have been switched off.
    pub(crate) healed: bool,
}

/// A step of the world.
#[derive(Clone, Copy, Debug)]
enum Step {
    Client,
    Detached,
    Write,
    Flush,
    Sync,
    Job,
    Sweep,
    Work,
    Poll,
    ReplayParked,
    ReadFeed,
    ReadViews,
    Time,
    Fault,
    Crash,
    Verify,
}

impl World {
    pub(crate) fn new(plan: Plan, trace: Trace) -> Self {
        let mut rng = Rng::new(plan.seed, "world");
        let has = |fault| plan.faults.has(fault);
        let partitions = rng.weighted(&[(70, 1), (16, 2), (7, 3), (7, 4)]);
        let id = |log: usize| format!("0190a0b0-0000-7000-8000-{log:012}");
        let disks = (0..=partitions).map(|log| Disk::new(&id(log), plan.defect));
        let mut limits = earmark_kernel::Limits::default();
        if has(FaultKind::TinyQueue) {
            limits.queue_commands = 1 + rng.index(3);
            limits.group_commands = 1 + rng.index(3);
        }
        if rng.chance(30) {
            limits.aggregates = 1;
        }
        if rng.chance(50) {
            limits.snapshot_events = 1 + rng.below(20);
        }
        let clients = 2 + rng.index(if has(FaultKind::TinyQueue) { 14 } else { 7 });
        Self {
            rng,
            trace,
            clock: Arc::new(WorldClock::new()),
            ids: Arc::new(SeededIds::new(plan.seed)),
            handler_fault: Arc::default(),
            disks: disks.collect(),
            limits,
            bus: None,
            incarnation: 0,
            groups: 0,
            workload: Workload::new(plan.seed, has(FaultKind::HotSku), has(FaultKind::HotOrder)),
            clients: (0..clients).map(|_| Client::default()).collect(),
            detached: Vec::new(),
            jobs: Vec::new(),
            subscribers: (0..partitions).map(Subscriber::new).collect(),
            history: History::default(),
            auditor: Auditor::new(partitions + 1),
            coverage: Coverage::default(),
            healed: false,
            plan,
        }
    }

    pub(crate) fn has(&self, fault: FaultKind) -> bool {
        !self.healed && self.plan.faults.has(fault)
    }

    pub(crate) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    pub(crate) fn check_context(&mut self) -> (&mut History, CheckContext<'_>) {
        let (auditor, coverage) = (&self.auditor, &mut self.coverage);
        let context = CheckContext { auditor, coverage, incarnation: self.incarnation };
        (&mut self.history, context)
    }

    /// Executes one random step.
    pub(crate) fn step(&mut self) -> Checked {
        let Some(bus) = self.bus.clone() else {
            return self.start();
        };
        let slow = self.has(FaultKind::SlowViews);
        let halted = bus.status().iter().any(|it| it.halted.is_some());
        let on = |is_on: bool, weight: u64| if is_on { weight } else { 0 };
        let step = self.rng.weighted(&[
            (100, Step::Client),
            (on(!self.detached.is_empty(), 8), Step::Detached),
            (45, Step::Write),
            (if slow { 0 } else { 6 }, Step::Flush),
            (3, Step::Sync),
            (on(!self.jobs.is_empty(), 25), Step::Job),
            (if slow { 1 } else { 5 }, Step::Sweep),
            (5, Step::Work),
            (5, Step::Poll),
            (on(self.has(FaultKind::BrokenHandlers), 1), Step::ReplayParked),
            (6, Step::ReadFeed),
            (if slow { 1 } else { 6 }, Step::ReadViews),
            (10, Step::Time),
            (on(!self.healed, 6), Step::Fault),
            (on(halted, 20) + on(self.has(FaultKind::Crashes), 2), Step::Crash),
            (on(!halted, 1), Step::Verify),
        ]);
        match step {
            Step::Client => self.let_client_act(&bus),
            Step::Detached => self.poll_detached(),
            Step::Write => self.write(&bus),
            Step::Flush => self.flush(&bus),
            Step::Sync => {
                self.disks.iter().for_each(Disk::sync_rows);
                Ok(())
            }
            Step::Job => self.poll_job(),
            Step::Sweep => self.sweep(&bus),
            Step::Work => self.work(&bus),
            Step::Poll => self.poll_subscription(&bus),
            Step::ReplayParked => self.replay_parked(&bus),
            Step::ReadFeed => self.read_feed(&bus),
            Step::ReadViews => self.read_views(&bus),
            Step::Time => {
                self.advance_time();
                Ok(())
            }
            Step::Fault => {
                self.inject_fault();
                Ok(())
            }
            Step::Crash => self.crash(halted),
            Step::Verify => self.verify(&bus),
        }
    }

    /// The writers decide and commit their next groups.
    pub(crate) fn write(&mut self, bus: &Bus) -> Checked {
        if bus.step() {
            self.groups += 1;
            self.trace.line(format_args!("group {}", self.groups));
            self.read_logs()?;
        }
        Ok(())
    }

    /// The auditor reads the new records of all logs.
    pub(crate) fn read_logs(&mut self) -> Checked {
        self.auditor.read(&self.disks, &mut self.coverage, &mut self.trace)?;
        self.count_pairs();
        Ok(())
    }

    pub(crate) fn flush(&mut self, bus: &Bus) -> Checked {
        let flushed = bus.flush();
        self.trace.line(format_args!("flush {flushed:?}"));
        if flushed.is_err() {
            self.coverage.record(CoverageMark::FailedFlush);
        }
        self.may_fail(flushed)
    }

    /// A storage error is allowed until the faults are switched off.
    pub(crate) fn may_fail<T>(&mut self, outcome: Result<T, Failure>) -> Checked {
        match outcome {
            Ok(_) => Ok(()),
            Err(failure) if self.healed => {
                Err(format!("failed after all faults were switched off: {failure}"))
            }
            Err(_) => {
                self.coverage.record(CoverageMark::FailedRead);
                Ok(())
            }
        }
    }

    fn read_feed(&mut self, bus: &Bus) -> Checked {
        let index = self.rng.index(self.subscribers.len());
        let subscriber = &mut self.subscribers[index];
        if self.rng.chance(8) {
            subscriber.rewind(&mut self.rng);
            self.coverage.record(CoverageMark::FeedRewound);
        }
        let limit = 1 + self.rng.index(20);
        let read = subscriber.read(bus, limit)?;
        self.trace.line(format_args!("feed {index} {read:?}"));
        self.may_fail(read)
    }

    fn advance_time(&mut self) {
        let jumps = self.has(FaultKind::ClockJumps);
        let ms: u64 = match self.rng.below(10) {
            0 if jumps => 1 + self.rng.below(20 * 86_400_000),
            1 if jumps => {
                let ms = i64::try_from(self.rng.below(7_200_000)).unwrap_or(0);
                self.clock.advance(-ms);
                self.coverage.record(CoverageMark::ClockWentBack);
                self.trace.line(format_args!("time -{ms}"));
                return;
            }
            2..=4 => 1 + self.rng.below(120_000),
            _ => self.rng.below(2_000),
        };
        self.clock.advance(i64::try_from(ms).unwrap_or(0));
        self.trace.line(format_args!("time +{ms}"));
    }
}
