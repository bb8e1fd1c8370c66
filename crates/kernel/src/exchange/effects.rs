//! Effect workers: each carries out the due operations of one effect in one partition.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::bus::routes::{Effect, Place};
use crate::bus::sending::Bus;
use crate::exchange::backoff::Backoff;
use crate::exchange::in_flight::InFlight;
use crate::exchange::lease::Lease;
use crate::model::operation::DueOperation;
use crate::model::outcome::Failure;
use crate::ports::clock::{Stopwatch, sleep};

/// Maximum number of operations of one worker that run at the same time.
const IN_FLIGHT_MAX: usize = 32;
/// Maximum number of operations taken in one pass.
const PASS_OPERATIONS_MAX: usize = 256;
/// How often the due operations are read if the log does not grow: time alone makes operations due.
const PASS_INTERVAL_MAX: Duration = Duration::from_secs(1);
/// The least interval between two passes that find less than a full pass of operations; a busy log
/// grows more often than its due operations need to be read.
const PASS_INTERVAL_MIN: Duration = Duration::from_millis(10);

/// Carries out the due operations of one effect in one partition, while it holds their lease. At
/// most 32 run at the same time.
///
/// A worker that lost its lease starts no more operations, and what it started may still end. A
/// worker that is dropped leaves its operations as a crash would; another worker finishes them.
pub struct EffectWorker {
    bus: Bus,
    place: Place,
    /// The index in [`Bus::effects`].
    index: usize,
    lease: Lease,
    /// Taken in a pass and not started yet.
    queue: VecDeque<DueOperation>,
    in_flight: InFlight,
    backoff: Backoff,
}

/// How a pass over the due operations ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// As many operations as a pass may take; more may be due.
    Full,
    /// All that are due.
    All,
    /// Another worker holds the lease, or the operations could not be read.
    Nothing,
}

impl Bus {
    /// The workers of all effects: one for each effect and partition of each service in this
    /// process. They hold no lease yet.
    #[must_use]
    pub fn effect_workers(&self) -> Vec<EffectWorker> {
        let mut workers = Vec::new();
        for (service, running) in self.services().iter().enumerate() {
            for (index, effect) in self.effects(service).iter().enumerate() {
                for partition in &running.partitions {
                    let job = format!("effect/{}/{}", effect.name, partition.index);
                    workers.push(EffectWorker {
                        bus: self.clone(),
                        place: Place { service, partition: partition.index },
                        index,
                        lease: Lease::of(Arc::clone(partition), job, self.new_id()),
                        queue: VecDeque::new(),
                        in_flight: InFlight::default(),
                        backoff: Backoff::default(),
                    });
                }
            }
        }
        workers
    }
}

impl EffectWorker {
    /// The service whose effect this is.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.bus.services()[self.place.service].schema.service
    }

    /// The effect's name.
    #[must_use]
    pub fn effect(&self) -> &'static str {
        self.entry().name
    }

    /// The partition's index, from 0.
    #[must_use]
    pub fn partition(&self) -> usize {
        self.place.partition
    }

    /// Runs the operations that are due, at most 256, and waits until all have ended. Returns the
    /// number of operations that were started: 0 if none is due or another worker holds the lease.
    /// Operations whose run failed are logged, and wait before they are run again.
    ///
    /// # Errors
    /// When the lease or the due operations cannot be read; call it again later.
    pub async fn run_due(&mut self) -> Result<usize, Failure> {
        self.take_due()?;
        let mut count = 0;
        loop {
            count += self.start_queued()?;
            match self.in_flight.next().await {
                Some((operation, ending)) => self.end(operation, ending),
                None => return Ok(count),
            }
        }
    }

    /// Runs operations as they become due. Never ends. A slow operation does not delay the others,
    /// unless 32 are slow.
    ///
    /// # Panics
    /// Outside of a Tokio runtime with time enabled.
    pub async fn run(&mut self) {
        let mut pass = self.pass();
        loop {
            if let Err(failure) = self.start_queued() {
                tracing::warn!(effect = self.effect(), %failure, "operations cannot be started");
            }
            // If operations are queued, 32 are in flight. So one of the branches is enabled.
            let may_take = self.queue.is_empty() && self.in_flight.len() < IN_FLIGHT_MAX;
            tokio::select! {
                biased;
                Some((operation, ending)) = self.in_flight.next() => self.end(operation, ending),
                () = pass.until_next(&self.bus, self.place), if may_take => pass = self.pass(),
            }
        }
    }

    /// Takes due operations; a failure is logged.
    fn pass(&mut self) -> Pass {
        let head = self.bus.services()[self.place.service].partitions[self.place.partition]
            .projector
            .head();
        let taken = self.take_due().unwrap_or_else(|failure| {
            tracing::warn!(effect = self.effect(), %failure, "due operations cannot be read");
            Taken::Nothing
        });
        Pass { watch: Stopwatch::start(), head, taken }
    }

    /// Queues the operations that are due, at most 256, except those that are running or have to
    /// wait. Queues none if another worker holds the lease.
    fn take_due(&mut self) -> Result<Taken, Failure> {
        self.queue.clear();
        if !self.lease.has()? {
            return Ok(Taken::Nothing);
        }
        // Those that are passed over must not hide the others.
        let limit = PASS_OPERATIONS_MAX + self.in_flight.len() + self.backoff.len();
        let reading = self.bus.reading_of(self.place)?;
        let (now, due) = (reading.now(), (self.entry().due)(&reading, limit)?);
        drop(reading);
        self.backoff.forget_others(&due, now);
        let may_run = |it: &DueOperation| {
            it.due <= now && !self.in_flight.contains(&it.id) && self.backoff.allows(it, now)
        };
        let queue = due.into_iter().filter(may_run).take(PASS_OPERATIONS_MAX).collect();
        self.queue = queue;
        let is_full = self.queue.len() == PASS_OPERATIONS_MAX;
        Ok(if is_full { Taken::Full } else { Taken::All })
    }

    /// Starts queued operations until 32 are in flight. Returns the number of those started. If the
    /// lease is lost, the queue is cleared.
    fn start_queued(&mut self) -> Result<usize, Failure> {
        let mut count = 0;
        while self.in_flight.len() < IN_FLIGHT_MAX && !self.queue.is_empty() {
            let has_lease = self.lease.has();
            if !matches!(has_lease, Ok(true)) {
                self.queue.clear();
                has_lease?;
            }
            let Some(operation) = self.queue.pop_front() else { break };
            let run = (self.entry().run)(self.bus.clone(), self.place, operation.clone());
            self.in_flight.start(operation, run);
            count += 1;
        }
        Ok(count)
    }

    fn end(&mut self, operation: DueOperation, ending: Result<(), Failure>) {
        let (service, effect) = (self.service(), self.effect());
        let outcome = if ending.is_ok() { "done" } else { "failed" };
        let labels = [("service", service), ("effect", effect), ("outcome", outcome)];
        metrics::counter!("earmark_effect_runs_total", &labels).increment(1);
        if let Err(failure) = &ending {
            let (id, partition) = (&operation.id, self.partition());
            tracing::warn!(service, effect, partition, %id, %failure, "an operation will be retried");
        }
        self.backoff.note(operation, ending.is_err(), self.bus.now());
    }

    fn entry(&self) -> &Effect {
        &self.bus.effects(self.place.service)[self.index]
    }
}

/// The last pass over the due operations.
struct Pass {
    watch: Stopwatch,
    /// The partition's head before it.
    head: u64,
    taken: Taken,
}

impl Pass {
    /// Waits until the next pass: until the partition's head moves, but at least 10 ms and at most
    /// one second after this one. A full pass is followed by the next at once.
    async fn until_next(&self, bus: &Bus, place: Place) {
        let elapsed = || Duration::from_secs_f64(self.watch.seconds());
        let service = bus.services()[place.service].schema.service;
        let longest = PASS_INTERVAL_MAX.saturating_sub(elapsed());
        match self.taken {
            Taken::Full => {}
            Taken::All => {
                // The partition exists: the worker was created for it.
                let _ = bus.wait_after(service, place.partition, self.head, longest).await;
                sleep(PASS_INTERVAL_MIN.saturating_sub(elapsed())).await;
            }
            Taken::Nothing => sleep(longest).await,
        }
    }
}
