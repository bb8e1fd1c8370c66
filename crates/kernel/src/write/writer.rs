//! The single writer of a partition: decides a group of commands, appends one record, answers.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::value::RawValue;

use crate::model::aggregate::{AnyRecorder, EventBox};
use crate::model::envelope::{Author, Committed, Group};
use crate::model::kernel_event::{Answered, KERNEL, KernelEvent, Parked};
use crate::model::kinds::KindIndex;
use crate::model::message::{Command, Event, Idempotency, Key, Meta, Reply};
use crate::model::outcome::{Failure, NotDone};
use crate::ports::clock::{Clock, Stopwatch, UnixMillis};
use crate::ports::failpoint;
use crate::ports::log::{AppendError, LogStore, StoreError};
use crate::views::backpressure::Backpressure;
use crate::views::log_schema::LogSchema;
use crate::views::projector::Projector;
use crate::write::cache::{Cache, Id};
use crate::write::handling::Handling;
use crate::write::queue::{Queue, Queued};

/// A handler that panics is run once more on a freshly loaded aggregate; then the command is
/// parked.
pub(super) const HANDLER_ATTEMPTS_MAX: usize = 2;
/// Number of recent answers in memory above which those that the views have are removed.
const RECENT_ANSWERS: usize = 20_000;

/// A unit of work of the writer: decides commands, and answers the caller after the commit.
pub(crate) trait Job: Queued {
    fn decide(&mut self, writer: &mut Writer);
    fn answer(self: Box<Self>, outcome: &GroupOutcome);
}

/// The outcome of a group's commit.
#[derive(Clone, Debug)]
pub(crate) enum GroupOutcome {
    Committed,
    Failed(Failure),
    Unknown(String),
}

/// The writer of one partition. Only it decides commands and appends to the log.
pub(crate) struct Writer {
    pub(super) schema: Arc<LogSchema>,
    pub(super) log: Arc<dyn LogStore>,
    pub(super) projector: Arc<Projector>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) cache: Cache,
    pub(super) next_seq: u64,
    pub(super) group: Group,
    /// The answers of the current group, by idempotency key.
    pub(super) answers: FxHashMap<Key, Answered>,
    /// The answers of recent groups, each with the last sequence number of its group.
    pub(super) recent: FxHashMap<Key, (u64, Answered)>,
    pub(super) halted: Option<String>,
}

impl Writer {
    pub(crate) fn new(
        schema: Arc<LogSchema>,
        log: Arc<dyn LogStore>,
        projector: Arc<Projector>,
        clock: Arc<dyn Clock>,
        cache_max: usize,
    ) -> Result<Self, StoreError> {
        let head = log.head()?;
        let last = log.read_after(head.saturating_sub(1), 1)?;
        let at = last.last().map_or(UnixMillis(i64::MIN), |record| UnixMillis(record.at_ms));
        let cache = Cache::new(schema.service, Arc::clone(&projector), cache_max);
        Ok(Self {
            schema,
            log,
            projector,
            clock,
            cache,
            next_seq: head + 1,
            group: Group::new(at),
            answers: FxHashMap::default(),
            recent: FxHashMap::default(),
            halted: None,
        })
    }

    /// Why this writer accepts no more work, if it has stopped.
    pub(crate) fn halted(&self) -> Option<&str> {
        self.halted.as_deref()
    }

    /// The maximum number of commands in the next group, at most `commands_max`.
    pub(crate) fn group_commands(&self, commands_max: usize) -> usize {
        self.projector.backpressure().group_commands(commands_max)
    }

    /// Decides the jobs in order, commits what they recorded, and only then answers. If more jobs
    /// are in the `queue`, the commit also requests the next turn on a shared log.
    pub(crate) fn run(
        &mut self,
        mut jobs: Vec<Box<dyn Job>>,
        turn: Result<(), Failure>,
        queue: &Queue<dyn Job>,
    ) {
        if let Err(failure) = turn {
            let outcome = GroupOutcome::Failed(failure);
            return jobs.into_iter().for_each(|job| job.answer(&outcome));
        }
        self.cache.begin_group();
        self.group.at = self.clock.now().max(self.group.at);
        for job in &mut jobs {
            job.decide(self);
        }
        let commands: usize = jobs.iter().map(|job| job.commands()).sum();
        if failpoint::is_on("answer-before-commit") {
            jobs.drain(..).for_each(|job| job.answer(&GroupOutcome::Committed));
        }
        let has_recorded = !self.group.events.is_empty();
        let outcome = self.commit(queue);
        for job in jobs {
            job.answer(&outcome);
        }
        if !has_recorded {
            self.log.release();
        }
        metrics::histogram!("earmark_group_commands", "service" => self.schema.service)
            .record(u32::try_from(commands).unwrap_or(u32::MAX));
        self.finish_group();
    }

    pub(crate) fn decide<C: Command>(
        &mut self,
        handling: &Handling<C>,
        key: &Key,
        command: &C,
        meta: &Meta,
    ) -> Reply<C> {
        let reply = self.try_decide(handling, key, command, meta);
        reply.unwrap_or_else(|failure| Reply::fresh(Err(failure.into())))
    }

    fn try_decide<C: Command>(
        &mut self,
        handling: &Handling<C>,
        key: &Key,
        command: &C,
        meta: &Meta,
    ) -> Result<Reply<C>, Failure> {
        if let Some(idempotency) = meta.idempotency.as_ref().filter(|_| !meta.dry_run)
            && let Some(answered) = self.stored_answer(&idempotency.key)?
        {
            return Ok(Answered::replay(&answered, idempotency));
        }
        let now = meta.at.unwrap_or(self.group.at);
        let id = (handling.kind, key.clone());
        if meta.dry_run && !failpoint::is_on("dry-run-keeps") {
            return self.dry_run(handling, &id, command, now);
        }
        let mut reason = String::new();
        for _ in 0..HANDLER_ATTEMPTS_MAX {
            let recorder = self.cache.load(&id, &self.group)?;
            match catch_panic(|| (handling.run)(recorder, command.clone(), now)) {
                Ok(decided) => {
                    let author = Author {
                        kind: id.0,
                        aggregate: handling.aggregate,
                        key: &id.1,
                        meta,
                        at: now,
                    };
                    drain(recorder, &mut self.group, &author);
                    let stores_answer = decided.is_ok() || !failpoint::is_on("refusal-not-kept");
                    if let Some(idempotency) = meta.idempotency.as_ref().filter(|_| stores_answer) {
                        self.store_answer::<C>(idempotency, &decided, meta);
                    }
                    return Ok(Reply::fresh(decided.map_err(NotDone::Refused)));
                }
                Err(panic_message) => reason = panic_message,
            }
            // The aggregate in memory may be inconsistent after the panic; the next attempt loads
            // it.
            self.cache.remove(&id);
        }
        Err(self.park_command(command, meta, reason))
    }

    /// Parks a command whose handler panicked, and returns its failure.
    pub(super) fn park_command<C: Command>(
        &mut self,
        command: &C,
        meta: &Meta,
        reason: String,
    ) -> Failure {
        let key = command.key().unwrap_or_default();
        tracing::error!(command = C::NAME, key, reason, "a handler panicked: command parked");
        let body = serde_json::to_string(command).unwrap_or_default();
        self.park(meta, C::NAME, body, &reason);
        Failure::Broken { command: C::NAME.into(), reason }
    }

    /// Runs a handler on a copy of the aggregate and discards the copy.
    fn dry_run<C: Command>(
        &mut self,
        handling: &Handling<C>,
        id: &Id,
        command: &C,
        now: UnixMillis,
    ) -> Result<Reply<C>, Failure> {
        let mut copy = self.cache.load(id, &self.group)?.clone_box();
        let decided = catch_panic(|| (handling.run)(copy.as_mut(), command.clone(), now));
        let decided =
            decided.map_err(|reason| Failure::Broken { command: C::NAME.into(), reason })?;
        let mut events = Vec::new();
        copy.drain(&mut |_, event| events.push(json_of(&event)));
        Ok(Reply { ending: decided.map_err(NotDone::Refused), replayed: false, events })
    }

    /// Runs the `before_each` hooks of an aggregate whose timer is due.
    pub(crate) fn run_timer(
        &mut self,
        kind: KindIndex,
        key: &Key,
        meta: &Meta,
    ) -> Result<(), StoreError> {
        let id = (kind, key.clone());
        let (aggregate, now) = (self.schema.kinds.get(kind).name, self.group.at);
        let recorder = self.cache.load(&id, &self.group)?;
        if let Err(reason) = catch_panic(|| recorder.run_before_each(now)) {
            tracing::error!(%key, reason, "a `before_each` hook panicked for a timer");
            self.cache.remove(&id);
            return Ok(());
        }
        drain(recorder, &mut self.group, &Author { kind, aggregate, key, meta, at: now });
        Ok(())
    }

    /// Parks a message as part of the current group. Its id is the idempotency key if it has one,
    /// so parking the same message twice leaves one entry.
    pub(crate) fn park(&mut self, meta: &Meta, message: &str, body: String, reason: &str) {
        let idempotency = meta.idempotency.clone();
        let own_key = || Key::from(meta.command_id.to_string());
        let key = idempotency.as_ref().map_or_else(own_key, |it| it.key.clone());
        let parked = Parked { message: message.into(), body, reason: reason.into(), idempotency };
        self.record_kernel_event(&key, meta, KernelEvent::Parked(parked));
    }

    /// Records one of the kernel's own events in the current group.
    pub(crate) fn record_kernel_event(&mut self, key: &Key, meta: &Meta, event: KernelEvent) {
        let at = self.group.at;
        let author = Author { kind: KindIndex::KERNEL, aggregate: KERNEL, key, meta, at };
        self.group.push(&author, event.name(), Box::new(event));
    }

    /// Stores an answer under its key. If there is one already, returns that and stores nothing.
    pub(crate) fn store_first_answer(
        &mut self,
        key: &Key,
        answered: &Answered,
        meta: &Meta,
    ) -> Result<Option<Answered>, StoreError> {
        let existing = self.stored_answer(key)?;
        if existing.is_none() {
            self.answers.insert(key.clone(), answered.clone());
            self.record_kernel_event(key, meta, KernelEvent::Answered(answered.clone()));
        }
        Ok(existing)
    }

    /// The answer stored under an idempotency key.
    pub(super) fn stored_answer(&self, key: &Key) -> Result<Option<Answered>, StoreError> {
        let in_memory = self.answers.get(key).or_else(|| Some(&self.recent.get(key)?.1));
        in_memory.map_or_else(|| self.projector.applied_answer(key), |it| Ok(Some(it.clone())))
    }

    pub(super) fn store_answer<C: Command>(
        &mut self,
        idempotency: &Idempotency,
        decided: &Result<C::Answer, C::Refusal>,
        meta: &Meta,
    ) {
        if decided.as_ref().is_err_and(C::is_temporary) {
            return;
        }
        let answered = Answered::new(idempotency, decided.as_ref());
        self.answers.insert(idempotency.key.clone(), answered.clone());
        self.record_kernel_event(&idempotency.key, meta, KernelEvent::Answered(answered));
    }

    fn commit(&mut self, queue: &Queue<dyn Job>) -> GroupOutcome {
        let answers = std::mem::take(&mut self.answers);
        if self.group.events.is_empty() {
            return GroupOutcome::Committed;
        }
        let committed = Arc::new(self.group.finish(self.next_seq));
        if failpoint::is_on("views-ahead-of-log") {
            self.projector.publish(Arc::clone(&committed));
        }
        let watch = Stopwatch::start();
        // Not under backpressure: the writer would hold its next turn while it waits for the views.
        let continues = !queue.is_empty() && self.projector.backpressure() == Backpressure::None;
        let append = if continues { LogStore::append_and_ask } else { LogStore::append };
        let appended = append(self.log.as_ref(), &committed.record);
        metrics::histogram!("earmark_commit_seconds", "service" => self.schema.service)
            .record(watch.seconds());
        match appended {
            Ok(()) => {
                let last_seq = committed.last_seq();
                self.next_seq = last_seq + 1;
                let recent = answers.into_iter().map(|(key, it)| (key, (last_seq, it)));
                self.recent.extend(recent);
                if !failpoint::is_on("views-ahead-of-log") {
                    self.projector.publish(committed);
                }
                GroupOutcome::Committed
            }
            Err(AppendError::Failed(why)) => self.discard_group(&committed, Failure::Storage(why)),
            Err(AppendError::Full(why)) => {
                self.discard_group(&committed, Failure::StorageFull(why))
            }
            Err(AppendError::Unknown(why)) if failpoint::is_on("unknown-as-failed") => {
                self.discard_group(&committed, Failure::Storage(why))
            }
            Err(AppendError::Unknown(why)) => {
                tracing::error!(why, "the outcome of a commit is unknown; the writer stops");
                self.halted = Some(why.clone());
                GroupOutcome::Unknown(why)
            }
        }
    }

    /// Removes the aggregates that a failed group has changed from memory.
    fn discard_group(&mut self, group: &Committed, failure: Failure) -> GroupOutcome {
        tracing::warn!(%failure, "a group was not committed");
        for event in &group.events {
            self.cache.remove(&(event.kind, event.key.clone()));
        }
        GroupOutcome::Failed(failure)
    }

    /// Provides requested copies, limits the memory in use, and waits under backpressure.
    fn finish_group(&mut self) {
        if self.halted.is_none() {
            let copy = |id: &Id| Some(self.cache.get(id)?.clone_box());
            self.projector.provide_copies(self.next_seq - 1, copy);
        }
        self.cache.evict();
        if self.recent.len() > RECENT_ANSWERS {
            let applied = self.projector.applied();
            self.recent.retain(|_, (seq, _)| *seq > applied);
        }
        let pressure = self.projector.backpressure();
        if pressure == Backpressure::None {
            return;
        }
        let watch = Stopwatch::start();
        self.projector.apply_backpressure(pressure);
        metrics::histogram!("earmark_wait_for_views_seconds", "service" => self.schema.service)
            .record(watch.seconds());
    }
}

/// Moves the recorded events of an aggregate into the group.
fn drain(recorder: &mut dyn AnyRecorder, group: &mut Group, author: &Author<'_>) {
    recorder.drain(&mut |name, event| group.push(author, name, event));
}

/// An event as JSON, for the reply to a dry run.
pub(super) fn json_of(event: &EventBox) -> Box<RawValue> {
    let mut json = Vec::new();
    event.write_json(&mut json).expect("plain data always serializes");
    let json = String::from_utf8(json).expect("serde_json writes UTF-8");
    RawValue::from_string(json).expect("serde_json writes JSON")
}

/// Runs a function that may panic; the error is the panic message.
pub(super) fn catch_panic<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    if failpoint::is_on("panic-takes-group") {
        return Ok(run());
    }
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload: Box<dyn Any + Send>| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        text.unwrap_or("it panicked without a message").to_owned()
    })
}
