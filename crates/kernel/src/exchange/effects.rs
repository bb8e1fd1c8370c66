//! The effect worker: carries out operations that are open and due, such as the end of an operation
//! that a crash has interrupted.

use std::pin::Pin;
use std::task::Poll;

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::bus::sending::Bus;
use crate::exchange::lease::Lease;
use crate::model::message::Key;
use crate::model::operation::DueOperation;
use crate::model::outcome::Failure;
use crate::ports::clock::UnixMillis;

/// Maximum number of operations of one pass.
const PASS_OPERATIONS_MAX: usize = 256;
/// Maximum number of operations that are carried out at the same time.
const CONCURRENT_MAX: usize = 32;
/// The delay after the first failure of an operation; it doubles with each further one.
const RETRY_MIN_MS: i64 = 1_000;
/// The longest delay after a failure.
const RETRY_MAX_MS: i64 = 60_000;

/// Carries out the operations of one effect in one partition. Of several processes, the one that
/// holds the lease does.
pub struct EffectWorker {
    bus: Bus,
    service: usize,
    partition: usize,
    /// The index of the effect in its service's table.
    effect: usize,
    lease: Lease,
    /// Operations that have failed, each with the number of failures and the time of the next try.
    failed: FxHashMap<Key, (u32, UnixMillis)>,
}

impl Bus {
    /// The workers of all effects of all services, one for each partition.
    #[must_use]
    pub fn effect_workers(&self) -> Vec<EffectWorker> {
        let mut workers = Vec::new();
        for (service, running) in self.services().iter().enumerate() {
            for (effect, entry) in self.effects(service).iter().enumerate() {
                for (partition, place) in running.partitions.iter().enumerate() {
                    let lease = self.lease_on(place, &format!("effect/{}", entry.name));
                    let (bus, failed) = (self.clone(), FxHashMap::default());
                    workers.push(EffectWorker { bus, service, partition, effect, lease, failed });
                }
            }
        }
        workers
    }
}

impl EffectWorker {
    /// The service, the effect and the partition, for messages and metrics.
    #[must_use]
    pub fn name(&self) -> String {
        let (running, entry) = (&self.bus.services()[self.service], self.entry());
        format!("{}/{}/{}", running.schema.service, entry.name, self.partition)
    }

    fn entry(&self) -> &crate::bus::routes::Effect {
        &self.bus.effects(self.service)[self.effect]
    }

    /// Carries out the operations that are due, if this process holds the lease. Returns their
    /// number. Those that fail are tried again later.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn run_due(&mut self) -> Result<usize, Failure> {
        if !self.lease.has()? {
            return Ok(0);
        }
        let due = self.due()?;
        let count = due.len();
        let mut waiting = due.into_iter();
        let mut running: Vec<(Key, Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>)> =
            Vec::new();
        let mut ended = Vec::new();
        std::future::poll_fn(|context| {
            loop {
                while running.len() < CONCURRENT_MAX
                    && let Some(operation) = waiting.next()
                {
                    let id = operation.id.clone();
                    running.push((id, (self.entry().run)(self.bus.clone(), operation)));
                }
                let before = running.len();
                running.retain_mut(|(id, future)| match future.as_mut().poll(context) {
                    Poll::Ready(outcome) => {
                        ended.push((id.clone(), outcome));
                        false
                    }
                    Poll::Pending => true,
                });
                if running.is_empty() && waiting.len() == 0 {
                    return Poll::Ready(());
                }
                if running.len() == before {
                    return Poll::Pending;
                }
            }
        })
        .await;
        ended.into_iter().for_each(|(id, outcome)| self.end(id, outcome));
        Ok(count)
    }

    /// Operations that are due and not waiting for a retry.
    fn due(&mut self) -> Result<Vec<DueOperation>, Failure> {
        let running = &self.bus.services()[self.service];
        let reading = running.reading_of(self.partition)?;
        let now = reading.now();
        let found = (self.entry().due)(&reading, PASS_OPERATIONS_MAX)?;
        drop(reading);
        // Operations that another process has ended are not due any more.
        self.failed.retain(|_, (_, retry)| retry.plus_ms(10 * RETRY_MAX_MS) > now);
        let is_due = |id: &Key| self.failed.get(id).is_none_or(|(_, retry)| *retry <= now);
        Ok(found.into_iter().filter(|it| it.due <= now && is_due(&it.id)).collect())
    }

    fn end(&mut self, id: Key, outcome: Result<(), Failure>) {
        let Err(failure) = outcome else {
            self.failed.remove(&id);
            return;
        };
        let failures = self.failed.get(&id).map_or(0, |(failures, _)| *failures) + 1;
        let delay_ms = RETRY_MAX_MS.min(RETRY_MIN_MS << failures.min(16).saturating_sub(1));
        // Operations that failed together are not all tried again at the same time.
        let jitter_ms = i64::try_from(xxh3_64(id.as_bytes()) % 500).unwrap_or(0);
        let retry = self.bus.now().plus_ms(delay_ms + jitter_ms);
        tracing::warn!(effect = self.name(), %id, failures, %failure, "an operation failed; retrying");
        self.failed.insert(id, (failures, retry));
    }
}
