//! A relay: reads the public events of a partition, publishes them, and saves its position.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::sync::watch;

use crate::bus::relay_registry::{RelayEntry, RelayPhase, RelayStatus};
use crate::bus::sending::Bus;
use crate::exchange::feed::{Feed, FeedPosition};
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
    Progressed,
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
    read_position: Option<FeedPosition>,
    /// The sequence number through which the publisher has everything.
    confirmed: u64,
    /// The position that is saved in the log.
    saved: u64,
    saved_at: Stopwatch,
    /// Whether something was published since the position was saved.
    has_unsaved: bool,
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
        let job = cursor(publisher.name());
        let relay = Self {
            bus: bus.clone(),
            partition: found,
            publisher,
            source,
            limits,
            lease: bus.lease(service, partition, &job)?,
            read_position: None,
            confirmed: 0,
            saved: 0,
            saved_at: Stopwatch::start(),
            has_unsaved: false,
        };
        relay.report(RelayPhase::Starting, None);
        Ok(relay)
    }

    /// Publishes events until `stopping` becomes true, then for at most two seconds the events that
    /// are still pending.
    pub async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        let mut retry_delays = retry_delays();
        let mut stop_started: Option<Stopwatch> = None;
        let is_time_up = |it: &Option<Stopwatch>| {
            it.as_ref().is_some_and(|it| it.seconds() > SHUTDOWN_PUBLISH_DURATION_MAX.as_secs_f64())
        };
        while !is_time_up(&stop_started) {
            if *stopping.borrow() && stop_started.is_none() {
                stop_started = Some(Stopwatch::start());
            }
            let delay = match self.step().await {
                Ok(Step::Progressed) => {
                    retry_delays = self::retry_delays();
                    continue;
                }
                Ok(Step::AtHead(head)) => {
                    retry_delays = self::retry_delays();
                    if stop_started.is_some() {
                        break;
                    }
                    self.wait_for_more(head, &mut stopping).await;
                    continue;
                }
                Ok(Step::Elsewhere) => LEASE_POLL_INTERVAL,
                Err(PublishError::Blocked(_)) => BLOCKED_RETRY_INTERVAL,
                Err(_) => retry_delays.next().unwrap_or(RETRY_DELAY_MAX),
            };
            if stop_started.is_some() {
                break;
            }
            let _ = tokio::time::timeout(delay, stopping.wait_for(|stop| *stop)).await;
        }
        self.save_position().await;
        self.report(RelayPhase::Stopped, None);
    }

    /// Takes one step: checks the lease, then asks for the publisher's position, then publishes the
    /// next events. Errors are logged once and counted.
    pub(crate) async fn step(&mut self) -> Result<Step, PublishError> {
        let stepped = self.try_step().await;
        let labels = [("publisher", self.publisher.name()), ("service", self.source.service)];
        match &stepped {
            Ok(Step::Elsewhere) => self.report(RelayPhase::Elsewhere, None),
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
                self.read_position = None;
                metrics::counter!("earmark_relay_breaks_total", &labels).increment(1);
                self.report(RelayPhase::Unavailable, Some(why));
            }
            Err(PublishError::Blocked(why)) => {
                self.read_position = None;
                self.report(RelayPhase::Blocked, Some(why));
            }
        }
        stepped
    }

    async fn try_step(&mut self) -> Result<Step, PublishError> {
        if !self.lease.has().map_err(unavailable)? {
            self.read_position = None;
            return Ok(Step::Elsewhere);
        }
        let Some(read_position) = self.read_position else {
            let position = self.publisher.position(&self.source).await?;
            self.read_position =
                Some(FeedPosition { through: self.start(position)?, previous: None });
            self.report(RelayPhase::Publishing, None);
            return Ok(Step::Progressed);
        };
        let head = self.partition.projector.head();
        let (mut events, reached) =
            self.feed().read_from(read_position, head, READ_EVENTS_MAX).map_err(unavailable)?;
        events.retain(|event| self.publisher.publishes(&event.name));
        for events in events.chunks(self.limits.events.max(1)) {
            // The lease may have expired while the publisher was slow.
            if !self.lease.has().map_err(unavailable)? {
                self.read_position = None;
                return Ok(Step::Elsewhere);
            }
            self.publish(events).await?;
            if self.is_save_due() {
                self.save_position().await;
            }
        }
        self.advance(reached, false);
        if self.is_save_due() {
            self.save_position().await;
        }
        let is_at_head = reached.through >= head;
        Ok(if is_at_head { Step::AtHead(head) } else { Step::Progressed })
    }

    /// Publishes some events; an event that is refused permanently is parked.
    async fn publish(&mut self, events: &[PublicRecord]) -> Result<(), PublishError> {
        let Some(last) = events.last().map(|it| it.sequence) else { return Ok(()) };
        match self.publisher.publish(&self.source, events).await {
            Ok(()) => {}
            Err(PublishError::Refused { sequence, why }) => {
                return self.park_event(events, sequence, why).await;
            }
            Err(other) => return Err(other),
        }
        let labels = [("publisher", self.publisher.name()), ("service", self.source.service)];
        metrics::counter!("earmark_relay_published_total", &labels).increment(events.len() as u64);
        self.advance(FeedPosition { through: last, previous: Some(last) }, true);
        Ok(())
    }

    /// The sequence number after which publishing starts, given the publisher's position.
    fn start(&mut self, position: Position) -> Result<u64, PublishError> {
        let name = self.publisher.name();
        let state = self.partition.projector.read().map_err(unavailable)?;
        self.saved = state.cursors.get(&cursor(name)).map_err(unavailable)?.unwrap_or(0);
        drop(state);
        let last_position = self.saved.max(self.confirmed);
        let start = match position {
            Position::Unknown => last_position,
            Position::Empty { keeps } => last_position.saturating_sub(keeps),
            Position::Through(through) => through,
        };
        let head = self.partition.log.head().map_err(unavailable)?;
        if start > head {
            return Err(PublishError::Blocked(format!(
                "it has events through {start}, but the log ends at {head}: was the log restored \
                 from an older copy?"
            )));
        }
        if start < last_position {
            tracing::warn!(
                publisher = name,
                from = start,
                "the publisher lost events; they are resent"
            );
            metrics::counter!("earmark_relay_rewinds_total", "publisher" => name).increment(1);
        }
        self.confirmed = start;
        Ok(start)
    }

    fn feed(&self) -> Feed<'_> {
        let Partition { schema, log, log_id, index, .. } = &*self.partition;
        Feed { schema, log: log.as_ref(), log_id, partition: *index }
    }

    /// Parks an event that the publisher will never accept, and continues after it. Always returns
    /// an error: the refusal, or why the event could not be parked.
    async fn park_event(
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
        self.advance(FeedPosition { through: sequence, previous: Some(sequence) }, true);
        Err(refused)
    }

    fn advance(&mut self, reached: FeedPosition, has_published: bool) {
        self.read_position = Some(reached);
        self.confirmed = reached.through;
        self.has_unsaved |= has_published;
        self.bus.relay_registry().advance(&self.entry(), reached.through);
    }

    fn is_save_due(&self) -> bool {
        let has_advanced = self.confirmed.saturating_sub(self.saved) >= self.limits.keep_numbers;
        let is_interval_over = self.saved_at.seconds() >= self.limits.keep_every.as_secs_f64();
        has_advanced || (self.has_unsaved && is_interval_over)
    }

    /// Saves the position in the log. If that fails, the saved position is older: after a restart
    /// more events are resent, and none is skipped.
    pub(crate) async fn save_position(&mut self) {
        let is_changed = self.has_unsaved || self.confirmed > self.saved + self.limits.keep_numbers;
        if !is_changed || !self.lease.is_held() {
            return;
        }
        self.saved_at = Stopwatch::start();
        let mut meta = Meta::default();
        self.bus.identify(&mut meta);
        let cursor = cursor(self.publisher.name());
        match self.partition.save_cursor(&cursor, self.confirmed, meta).await {
            Ok(()) => (self.saved, self.has_unsaved) = (self.confirmed, false),
            Err(failure) => tracing::debug!(%failure, "a relay's position was not saved"),
        }
    }

    /// Waits until there are more events, the position or the lease is due, or `stopping` is true.
    async fn wait_for_more(&self, head: u64, stopping: &mut watch::Receiver<bool>) {
        let mut heads = self.partition.projector.watch();
        let more = async {
            tokio::select! {
                _ = heads.wait_for(|now| *now > head) => {}
                _ = stopping.wait_for(|stop| *stop) => {}
            }
        };
        let timeout = if self.has_unsaved { self.limits.keep_every } else { LEASE_RENEW_INTERVAL };
        let _ = tokio::time::timeout(timeout.max(RETRY_DELAY_MIN), more).await;
    }

    fn entry(&self) -> RelayEntry {
        (self.publisher.name(), self.source.service, self.source.partition)
    }

    fn report(&self, phase: RelayPhase, why: Option<&str>) {
        let (publisher, service, partition) = self.entry();
        self.bus.relay_registry().report(RelayStatus {
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

fn retry_delays() -> impl Iterator<Item = Duration> {
    let retry_delays =
        ExponentialBuilder::new().with_min_delay(RETRY_DELAY_MIN).with_max_delay(RETRY_DELAY_MAX);
    retry_delays.with_jitter().without_max_times().build()
}

fn unavailable(error: impl std::fmt::Display) -> PublishError {
    PublishError::Unavailable(error.to_string())
}
