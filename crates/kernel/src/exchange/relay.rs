//! A relay: reads the public events of a partition, publishes them, and saves its position.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::sync::watch;

use crate::bus::relay_registry::{RelayEntry, RelayPhase, RelayStatus};
use crate::bus::sending::Bus;
use crate::exchange::feed::{Feed, Reached};
use crate::exchange::lease::{LEASE_RENEW_INTERVAL, Lease};
use crate::exchange::relay_positions::cursor;
use crate::model::kernel_event::Parked;
use crate::model::message::{Idempotency, Meta};
use crate::model::outcome::Failure;
use crate::ports::clock::Stopwatch;
use crate::ports::public_record::PublicRecord;
use crate::ports::publisher::{Position, PublishError, Publisher, Source};
use crate::write::partition::Partition;

/// How often a process without the lease tries to acquire it.
const LEASE_POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Maximum number of public events read per batch.
const READ_EVENTS_MAX: usize = 500;
/// The first delay before an unavailable publisher is retried; it grows exponentially.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(50);
/// The maximum retry delay.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(2);
/// How often a blocked publisher is retried.
const BLOCKED_RETRY_INTERVAL: Duration = Duration::from_secs(10);
/// How long a relay may still publish pending events after it was asked to stop.
const SHUTDOWN_PUBLISH_DURATION_MAX: Duration = Duration::from_secs(2);

/// The limits of a relay.
#[derive(Clone, Copy, Debug)]
pub struct RelayLimits {
    /// Maximum number of events published together.
    pub events: usize,
    /// Minimum interval between two saves of the position while events are published; with zero it
    /// is saved after each publication.
    pub keep_every: Duration,
    /// The position is also saved when it has advanced by this many sequence numbers since the
    /// last save, even if none of these events is published.
    pub keep_numbers: u64,
}

impl Default for RelayLimits {
    fn default() -> Self {
        Self { events: 500, keep_every: Duration::from_secs(1), keep_numbers: 100_000 }
    }
}

/// The outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The relay made progress; more may follow.
    Further,
    /// The relay has read the log through its head, this sequence number.
    AtHead(u64),
    /// Another process holds the lease.
    Elsewhere,
}

/// Publishes the public events of one partition to one publisher. It reads the log, so it never
/// blocks the writer. Its position is saved in the log, like that of any reader.
pub struct Relay {
    bus: Bus,
    partition: Arc<Partition>,
    publisher: Arc<dyn Publisher>,
    source: Source,
    limits: RelayLimits,
    lease: Lease,
    /// Where reading continues; `None` if the publisher must be asked for its position first.
    at: Option<Reached>,
    /// The sequence number through which the publisher has everything.
    confirmed: u64,
    /// The position that is saved in the log.
    kept: u64,
    kept_at: Stopwatch,
    /// Whether something was published since the position was saved.
    is_ahead: bool,
}

impl Relay {
    /// A relay of one partition of a service.
    ///
    /// # Errors
    /// When there is no such partition, or the storage cannot be read.
    pub fn new(
        bus: &Bus,
        service: &str,
        partition: usize,
        publisher: Arc<dyn Publisher>,
        limits: RelayLimits,
    ) -> Result<Self, Failure> {
        let found = Arc::clone(bus.partition(service, partition)?);
        let source =
            Source { service: found.schema.service, partition, log_id: found.log_id.clone() };
        let work = cursor(publisher.name());
        let relay = Self {
            bus: bus.clone(),
            partition: found,
            publisher,
            source,
            limits,
            lease: bus.lease(service, partition, &work)?,
            at: None,
            confirmed: 0,
            kept: 0,
            kept_at: Stopwatch::start(),
            is_ahead: false,
        };
        relay.say(RelayPhase::Starting, None);
        Ok(relay)
    }

    /// Publishes events until `stopping` becomes true, then for at most two seconds the events that
    /// are still pending.
    pub async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        let mut waits = waits();
        let mut stopped: Option<Stopwatch> = None;
        let is_over = |it: &Option<Stopwatch>| {
            it.as_ref().is_some_and(|it| it.seconds() > SHUTDOWN_PUBLISH_DURATION_MAX.as_secs_f64())
        };
        while !is_over(&stopped) {
            if *stopping.borrow() && stopped.is_none() {
                stopped = Some(Stopwatch::start());
            }
            let wait = match self.step().await {
                Ok(Step::Further) => {
                    waits = self::waits();
                    continue;
                }
                Ok(Step::AtHead(head)) => {
                    waits = self::waits();
                    if stopped.is_some() {
                        break;
                    }
                    self.wait_for_more(head, &mut stopping).await;
                    continue;
                }
                Ok(Step::Elsewhere) => LEASE_POLL_INTERVAL,
                Err(PublishError::Blocked(_)) => BLOCKED_RETRY_INTERVAL,
                Err(_) => waits.next().unwrap_or(RETRY_DELAY_MAX),
            };
            if stopped.is_some() {
                break;
            }
            let _ = tokio::time::timeout(wait, stopping.wait_for(|told| *told)).await;
        }
        self.keep().await;
        self.say(RelayPhase::Stopped, None);
    }

    /// Takes one step: checks the lease, then asks for the publisher's position, then publishes the
    /// next events. Errors are logged once and counted.
    pub(crate) async fn step(&mut self) -> Result<Step, PublishError> {
        let stepped = self.try_step().await;
        let named = [("publisher", self.publisher.name()), ("service", self.source.service)];
        match &stepped {
            Ok(Step::Elsewhere) => self.say(RelayPhase::Elsewhere, None),
            Ok(_) => {}
            Err(PublishError::Refused { sequence, why }) => {
                // The event is parked and the relay continues after it.
                tracing::warn!(
                    publisher = self.publisher.name(),
                    sequence,
                    why,
                    "an event was refused and parked"
                );
            }
            Err(PublishError::Unavailable(why)) => {
                self.at = None;
                metrics::counter!("earmark_relay_breaks_total", &named).increment(1);
                self.say(RelayPhase::Unavailable, Some(why));
            }
            Err(PublishError::Blocked(why)) => {
                self.at = None;
                self.say(RelayPhase::Blocked, Some(why));
            }
        }
        stepped
    }

    async fn try_step(&mut self) -> Result<Step, PublishError> {
        if !self.lease.has().map_err(unavailable)? {
            self.at = None;
            return Ok(Step::Elsewhere);
        }
        let Some(at) = self.at else {
            let position = self.publisher.position(&self.source).await?;
            self.at = Some(Reached { through: self.start(position)?, previous: None });
            self.say(RelayPhase::Publishing, None);
            return Ok(Step::Further);
        };
        let head = self.partition.projector.head();
        let (mut events, reached) =
            self.feed().read_on(at, head, READ_EVENTS_MAX).map_err(unavailable)?;
        events.retain(|event| self.publisher.publishes(&event.name));
        for events in events.chunks(self.limits.events.max(1)) {
            // The lease may have expired while the publisher was slow.
            if !self.lease.has().map_err(unavailable)? {
                self.at = None;
                return Ok(Step::Elsewhere);
            }
            self.publish(events).await?;
            if self.is_keeping_due() {
                self.keep().await;
            }
        }
        self.go_to(reached, false);
        if self.is_keeping_due() {
            self.keep().await;
        }
        let is_at_head = reached.through >= head;
        Ok(if is_at_head { Step::AtHead(head) } else { Step::Further })
    }

    /// Publishes some events; an event that is refused permanently is parked.
    async fn publish(&mut self, events: &[PublicRecord]) -> Result<(), PublishError> {
        let Some(last) = events.last().map(|it| it.sequence) else { return Ok(()) };
        match self.publisher.publish(&self.source, events).await {
            Ok(()) => {}
            Err(PublishError::Refused { sequence, why }) => {
                return self.set_aside(events, sequence, why).await;
            }
            Err(other) => return Err(other),
        }
        let named = [("publisher", self.publisher.name()), ("service", self.source.service)];
        metrics::counter!("earmark_relay_published_total", &named).increment(events.len() as u64);
        self.go_to(Reached { through: last, previous: Some(last) }, true);
        Ok(())
    }

    /// The sequence number after which publishing starts, given the publisher's position.
    fn start(&mut self, position: Position) -> Result<u64, PublishError> {
        let name = self.publisher.name();
        let known = self.partition.projector.read().map_err(unavailable)?;
        self.kept = known.cursors.get(&cursor(name)).map_err(unavailable)?.unwrap_or(0);
        drop(known);
        let own = self.kept.max(self.confirmed);
        let start = match position {
            Position::Unknown => own,
            Position::Empty { keeps } => own.saturating_sub(keeps),
            Position::Through(through) => through,
        };
        let head = self.partition.log.head().map_err(unavailable)?;
        if start > head {
            return Err(PublishError::Blocked(format!(
                "it has events through {start}, but the log ends at {head}: was the log restored \
                 from an older copy?"
            )));
        }
        if start < own {
            tracing::warn!(publisher = name, from = start, "the publisher lost events; they are resent");
            metrics::counter!("earmark_relay_rewinds_total", "publisher" => name).increment(1);
        }
        self.confirmed = start;
        Ok(start)
    }

    fn feed(&self) -> Feed<'_> {
        let Partition { schema, log, log_id, index, .. } = &*self.partition;
        Feed { schema, log: log.as_ref(), log_id, partition: *index }
    }

    /// Parks an event that the publisher will never accept, and continues after it. Always returns an
    /// error: the refusal, or why the event could not be parked.
    async fn set_aside(
        &mut self,
        events: &[PublicRecord],
        sequence: u64,
        why: String,
    ) -> Result<(), PublishError> {
        let event = events.iter().find(|it| it.sequence == sequence);
        let refused = PublishError::Refused { sequence, why: why.clone() };
        let Some(event) = event else { return Err(refused) };
        let key = format!("{}/{}", cursor(self.publisher.name()), event.id);
        let body = event.cloud_event();
        let idempotency = Some(Idempotency::of(&key, body.as_bytes()));
        let reason = format!("refused by {}: {why}", self.publisher.name());
        let parked = Parked { message: event.name.clone(), body, reason, idempotency };
        self.bus.park(self.source.service, parked).await.map_err(unavailable)?;
        self.go_to(Reached { through: sequence, previous: Some(sequence) }, true);
        Err(refused)
    }

    fn go_to(&mut self, reached: Reached, has_published: bool) {
        self.at = Some(reached);
        self.confirmed = reached.through;
        self.is_ahead |= has_published;
        self.bus.relay_registry().go_to(&self.entry(), reached.through);
    }

    fn is_keeping_due(&self) -> bool {
        let is_far = self.confirmed.saturating_sub(self.kept) >= self.limits.keep_numbers;
        let is_time = self.kept_at.seconds() >= self.limits.keep_every.as_secs_f64();
        is_far || (self.is_ahead && is_time)
    }

    /// Saves the position in the log. If that fails, the saved position is older: after a restart
    /// more events are resent, and none is skipped.
    pub(crate) async fn keep(&mut self) {
        let is_news = self.is_ahead || self.confirmed > self.kept + self.limits.keep_numbers;
        if !is_news || !self.lease.is_held() {
            return;
        }
        self.kept_at = Stopwatch::start();
        let mut meta = Meta::default();
        self.bus.identify(&mut meta);
        let cursor = cursor(self.publisher.name());
        match self.partition.keep_cursor(&cursor, self.confirmed, meta).await {
            Ok(()) => (self.kept, self.is_ahead) = (self.confirmed, false),
            Err(failure) => tracing::debug!(%failure, "a relay's position was not saved"),
        }
    }

    /// Waits until there are more events, the position or the lease is due, or `stopping` is true.
    async fn wait_for_more(&self, head: u64, stopping: &mut watch::Receiver<bool>) {
        let mut heads = self.partition.projector.watch();
        let more = async {
            tokio::select! {
                _ = heads.wait_for(|now| *now > head) => {}
                _ = stopping.wait_for(|told| *told) => {}
            }
        };
        let at_most = if self.is_ahead { self.limits.keep_every } else { LEASE_RENEW_INTERVAL };
        let _ = tokio::time::timeout(at_most.max(RETRY_DELAY_MIN), more).await;
    }

    fn entry(&self) -> RelayEntry {
        (self.publisher.name(), self.source.service, self.source.partition)
    }

    fn say(&self, phase: RelayPhase, why: Option<&str>) {
        let (publisher, service, partition) = self.entry();
        self.bus.relay_registry().say(RelayStatus {
            publisher,
            service,
            partition,
            phase,
            through: self.confirmed,
            lag: 0,
            why: why.map(str::to_owned),
        });
    }
}

fn waits() -> impl Iterator<Item = Duration> {
    let waits =
        ExponentialBuilder::new().with_min_delay(RETRY_DELAY_MIN).with_max_delay(RETRY_DELAY_MAX);
    waits.with_jitter().without_max_times().build()
}

fn unavailable(error: impl std::fmt::Display) -> PublishError {
    PublishError::Unavailable(error.to_string())
}
