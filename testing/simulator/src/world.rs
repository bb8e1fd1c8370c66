//! The world: a process with its services, its clients and its disks, moved step by step by rng.

use std::sync::Arc;

use earmark_kernel::ids::SeededIds;
use earmark_kernel::{Bus, Failure, Subscription};

use crate::Plan;
use crate::auditor::Auditor;
use crate::client::{Call, Client};
use crate::clock::WorldClock;
use crate::coverage::{Coverage, CoverageMark};
use crate::disk::Disk;
use crate::faults::FaultKind;
use crate::history::{History, Witness};
use crate::mirror::Fuse;
use crate::rng::Rng;
use crate::subscriber::Subscriber;
use crate::trace::Trace;
use crate::workload::Workload;

pub(crate) type Checked<T = ()> = Result<T, String>;

/// Something that the process does for itself, on its way.
pub(crate) type Errand = std::pin::Pin<Box<dyn Future<Output = Result<usize, Failure>>>>;

/// A simulated world.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) rng: Rng,
    pub(crate) trace: Trace,
    pub(crate) clock: Arc<WorldClock>,
    pub(crate) ids: Arc<SeededIds>,
    pub(crate) fuse: Arc<Fuse>,
    /// The partitions of allocation, then that of the mirror.
    pub(crate) disks: Vec<Disk>,
    pub(crate) limits: earmark_kernel::Limits,
    /// None while no process runs.
    pub(crate) bus: Option<Bus>,
    pub(crate) life: u64,
    pub(crate) groups: u64,
    pub(crate) workload: Workload,
    pub(crate) clients: Vec<Client>,
    /// Commands whose clients hung up; they go on.
    pub(crate) detached: Vec<Call>,
    pub(crate) errands: Vec<(&'static str, Errand)>,
    pub(crate) subscribers: Vec<Subscriber>,
    pub(crate) history: History,
    pub(crate) auditor: Auditor,
    pub(crate) saw: Coverage,
    /// Nothing goes wrong any more.
    pub(crate) healed: bool,
}

/// What may happen next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Client,
    Detached,
    Write,
    Flush,
    Sync,
    Errand,
    Sweep,
    Poll,
    ServeParked,
    Subscribe,
    Look,
    Time,
    Fault,
    Crash,
    Verify,
}

impl World {
    pub(crate) fn new(plan: Plan, trace: Trace) -> Self {
        let mut rng = Rng::new(plan.seed, "world");
        let has = |fault| plan.faults.has(fault);
        let partitions = if rng.chance(20) { 2 } else { 1 };
        let id = |log: usize| format!("0190a0b0-0000-7000-8000-{log:012}");
        let disks = (0..=partitions).map(|log| Disk::new(&id(log), plan.failpoint));
        let mut limits = earmark_kernel::Limits::default();
        if has(FaultKind::TinyQueue) {
            limits.queue_commands = 1 + rng.place(3);
            limits.group_commands = 1 + rng.place(3);
        }
        if rng.chance(30) {
            limits.aggregates = 1;
        }
        if rng.chance(50) {
            limits.snapshot_events = 1 + rng.below(20);
        }
        let clients = 2 + rng.place(if has(FaultKind::TinyQueue) { 14 } else { 7 });
        Self {
            rng,
            trace,
            clock: Arc::new(WorldClock::new()),
            ids: Arc::new(SeededIds::new(plan.seed)),
            fuse: Arc::default(),
            disks: disks.collect(),
            limits,
            bus: None,
            life: 0,
            groups: 0,
            workload: Workload::new(plan.seed, has(FaultKind::HotSku)),
            clients: (0..clients).map(|_| Client::default()).collect(),
            detached: Vec::new(),
            errands: Vec::new(),
            subscribers: (0..partitions).map(Subscriber::new).collect(),
            history: History::default(),
            auditor: Auditor::new(partitions + 1),
            saw: Coverage::default(),
            healed: false,
            plan,
        }
    }

    pub(crate) fn has(&self, fault: FaultKind) -> bool {
        !self.healed && self.plan.faults.has(fault)
    }

    pub(crate) fn witness(&mut self) -> (&mut History, Witness<'_>) {
        let by = Witness { auditor: &self.auditor, saw: &mut self.saw, life: self.life };
        (&mut self.history, by)
    }

    /// Lets the next thing happen.
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
            (on(!self.errands.is_empty(), 25), Step::Errand),
            (if slow { 1 } else { 5 }, Step::Sweep),
            (5, Step::Poll),
            (on(self.has(FaultKind::BrokenHandlers), 1), Step::ServeParked),
            (6, Step::Subscribe),
            (if slow { 1 } else { 6 }, Step::Look),
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
            Step::Errand => self.poll_errand(),
            Step::Sweep => self.begin_errand("sweep", {
                let bus = bus.clone();
                Box::pin(async move { bus.sweep().await })
            }),
            Step::Poll => self.poll(&bus),
            Step::ServeParked => self.serve_parked(&bus),
            Step::Subscribe => self.subscribe(&bus),
            Step::Look => self.look(&bus),
            Step::Time => {
                self.pass_time();
                Ok(())
            }
            Step::Fault => {
                self.order_fault();
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

    /// The auditor learn what is new in the logs.
    pub(crate) fn read_logs(&mut self) -> Checked {
        self.auditor.read(&self.disks, &mut self.saw, &mut self.trace)
    }

    pub(crate) fn flush(&mut self, bus: &Bus) -> Checked {
        let flushed = bus.flush();
        self.trace.line(format_args!("flush {flushed:?}"));
        if flushed.is_err() {
            self.saw.saw(CoverageMark::FailedFlush);
        }
        self.may_fail(flushed)
    }

    /// An error of the storage is none of ours while faults are ordered.
    pub(crate) fn may_fail<T>(&mut self, outcome: Result<T, Failure>) -> Checked {
        match outcome {
            Ok(_) => Ok(()),
            Err(failure) if self.healed => Err(format!("healed, and yet: {failure}")),
            Err(_) => {
                self.saw.saw(CoverageMark::FailedRead);
                Ok(())
            }
        }
    }

    pub(crate) fn begin_errand(&mut self, name: &'static str, errand: Errand) -> Checked {
        // Each errand has a thread of its own in a real process, and so is under way only once.
        if self.errands.iter().all(|(other, _)| *other != name) {
            self.errands.push((name, errand));
        }
        Ok(())
    }

    fn poll_errand(&mut self) -> Checked {
        let place = self.rng.place(self.errands.len());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let (name, errand) = &mut self.errands[place];
        if let std::task::Poll::Ready(ended) = errand.as_mut().poll(&mut context) {
            self.trace.line(format_args!("{name} {ended:?}"));
            drop(self.errands.swap_remove(place));
        }
        Ok(())
    }

    fn poll(&mut self, bus: &Bus) -> Checked {
        let subscriptions = bus.subscriptions();
        let subscription: Subscription = self.rng.pick(&subscriptions).clone();
        let bus = bus.clone();
        let name = if subscription.partition == 0 { "poll 0" } else { "poll 1" };
        self.begin_errand(name, Box::pin(async move { bus.poll(&subscription).await }))
    }

    fn serve_parked(&mut self, bus: &Bus) -> Checked {
        let parked = match bus.parked(crate::mirror::MIRROR, None, 8) {
            Ok(parked) => parked,
            Err(failure) => return self.may_fail::<()>(Err(failure)),
        };
        if parked.is_empty() {
            return Ok(());
        }
        let (id, _) = self.rng.pick(&parked).clone();
        let (bus, dry_run) = (bus.clone(), self.rng.chance(30));
        let serve = async move {
            let served = bus.replay_parked(crate::mirror::MIRROR, &id, dry_run).await;
            served.map(|_| 1)
        };
        self.begin_errand("serve parked", Box::pin(serve))
    }

    fn subscribe(&mut self, bus: &Bus) -> Checked {
        let place = self.rng.place(self.subscribers.len());
        let subscriber = &mut self.subscribers[place];
        if self.rng.chance(8) {
            subscriber.rewind(&mut self.rng);
            self.saw.saw(CoverageMark::FeedRewound);
        }
        let limit = 1 + self.rng.place(20);
        let read = subscriber.read(bus, limit)?;
        self.trace.line(format_args!("feed {place} {read:?}"));
        self.may_fail(read)
    }

    fn pass_time(&mut self) {
        let jumps = self.has(FaultKind::ClockJumps);
        let ms: u64 = match self.rng.below(10) {
            0 if jumps => 1 + self.rng.below(20 * 86_400_000),
            1 if jumps => {
                let ms = i64::try_from(self.rng.below(7_200_000)).unwrap_or(0);
                self.clock.pass(-ms);
                self.saw.saw(CoverageMark::ClockWentBack);
                self.trace.line(format_args!("time -{ms}"));
                return;
            }
            2..=4 => 1 + self.rng.below(120_000),
            _ => self.rng.below(2_000),
        };
        self.clock.pass(i64::try_from(ms).unwrap_or(0));
        self.trace.line(format_args!("time +{ms}"));
    }
}
