//! Procedures: commands that are carried out by several commands, each safe to repeat.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::value::RawValue;

use crate::bus::routes::RunProcedure;
use crate::bus::sending::Bus;
use crate::model::message::{Command, Idempotency, Key, Meta, Query, Reply, Wire};
use crate::model::outcome::{Failure, NotDone};
use crate::model::partitioning::partition_of;
use crate::ports::clock::UnixMillis;
use crate::write::submission::ReplyFuture;

/// A procedure: an asynchronous function of its context and its command.
pub(crate) type Procedure<C> =
    dyn Fn(ProcedureContext, C) -> ReplyFuture<ProcedureResult<C>> + Send + Sync;

/// The result of a procedure.
type ProcedureResult<C> = Result<<C as Command>::Answer, NotDone<<C as Command>::Refusal>>;

/// The route to a procedure of the service at index `service` in the bus.
pub(crate) fn route<C: Command>(
    service: usize,
    procedure: Arc<Procedure<C>>,
) -> Arc<RunProcedure<C>> {
    Arc::new(move |bus, command, meta| {
        let procedure = Arc::clone(&procedure);
        Box::pin(async move { run(&bus, service, &*procedure, command, meta).await })
    })
}

/// Runs a procedure. Like a handler's answer, its answer is stored under the idempotency key. If it
/// is interrupted, a retry replays the completed steps from their own idempotency keys.
async fn run<C: Command>(
    bus: &Bus,
    service: usize,
    procedure: &Procedure<C>,
    command: C,
    meta: Meta,
) -> Reply<C> {
    let running = &bus.services()[service];
    if let Some(reply) = running.stored_reply(&meta) {
        return reply;
    }
    let progress = Arc::new(Progress::default());
    let shared = Arc::clone(&progress);
    let context =
        ProcedureContext { bus: bus.clone(), service, meta: meta.clone(), progress: shared };
    let mut ending = procedure(context, command).await;
    if progress.done.load(Ordering::SeqCst) && matches!(ending, Err(NotDone::Failed(_))) {
        // Some steps are done and their answers are stored: a retry completes the rest.
        ending = ending.map_err(|failed| NotDone::Unknown(format!("partly done: {failed}")));
    }
    if let Some(replayed) = progress.answered() {
        let events = std::mem::take(&mut *progress.lock());
        return Reply { replayed, events, ..Reply::fresh(ending) };
    }
    let idempotency = meta.idempotency.as_ref().filter(|_| !meta.dry_run);
    let decided = match &ending {
        Ok(answer) => Some(Ok(answer)),
        Err(NotDone::Refused(refusal)) => Some(Err(refusal)),
        Err(_) => None,
    };
    if let (Some(idempotency), Some(decided)) = (idempotency, decided) {
        match running.store_answer(idempotency, decided, &meta).await {
            Ok(None) => {}
            // A concurrent request with the same key has stored its answer first.
            Ok(Some(first)) => return first.replay(idempotency),
            // The steps are done: a retry completes the procedure.
            Err(not_stored) => return Reply::fresh(Err(NotDone::Unknown(not_stored.to_string()))),
        }
    }
    let events = std::mem::take(&mut *progress.lock());
    Reply { events, ..Reply::fresh(ending) }
}

/// The progress of a procedure over its steps.
#[derive(Default)]
struct Progress {
    /// Whether a step was done or may be done (now or in an earlier attempt), other than in a dry
    /// run.
    done: AtomicBool,
    /// Whether a step has stored the answer of the whole, and whether that was before.
    answered: OnceLock<bool>,
    /// The events that a dry run would have recorded.
    events: Mutex<Vec<Box<RawValue>>>,
}

impl Progress {
    /// Whether the answer of the whole is stored already; if so, whether this is a replay.
    fn answered(&self) -> Option<bool> {
        self.answered.get().copied()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Box<RawValue>>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The context of a running procedure: sends its steps with the metadata of the whole.
#[derive(Clone)]
pub struct ProcedureContext {
    bus: Bus,
    service: usize,
    meta: Meta,
    progress: Arc<Progress>,
}

impl ProcedureContext {
    /// The context of an operation of an effect: its commands have the operation's id as their
    /// correlation, and no idempotency key.
    pub(crate) fn of_operation(bus: Bus, service: usize, id: &Key) -> Self {
        let mut meta = Meta { correlation: Some(id.clone()), ..Meta::default() };
        bus.identify(&mut meta);
        Self { bus, service, meta, progress: Arc::default() }
    }

    /// Sends a step. Its name must be unique in the procedure, because it is part of the step's
    /// idempotency key.
    ///
    /// # Errors
    /// [`NotDone`], if the step was not done.
    pub async fn send<C: Command>(
        &self,
        step: impl Display,
        command: C,
    ) -> Result<C::Answer, NotDone<C::Refusal>> {
        let idempotency = self.meta.idempotency.as_ref().map(|it| it.part(step));
        self.send_with(idempotency, command).await.ending
    }

    /// Sends the last step, whose answer is that of the procedure: it is stored under the caller's
    /// idempotency key in the record of the step itself.
    ///
    /// # Errors
    /// [`NotDone`]. After [`NotDone::Failed`] nothing was done, and another step may follow.
    pub async fn send_whole<C: Command>(
        &self,
        command: C,
    ) -> Result<C::Answer, NotDone<C::Refusal>> {
        let reply = self.send_with(self.meta.idempotency.clone(), command).await;
        if matches!(reply.ending, Ok(_) | Err(NotDone::Refused(_))) && !self.meta.dry_run {
            // A procedure has one last step.
            let _ = self.progress.answered.set(reply.replayed);
        }
        reply.ending
    }

    /// Sends a step of an operation that is not the caller's alone: whoever carries it on uses the
    /// same `key`, so that the step is done once. Keys of callers never equal it. The step is
    /// queued when this returns, if its command contains its aggregate's key.
    pub fn send_shared<C: Command>(
        &self,
        key: &str,
        command: C,
    ) -> impl Future<Output = Result<C::Answer, NotDone<C::Refusal>>> + Send + use<C> {
        let shared = Idempotency::of("", b"").part(key);
        let sending = self.send_with(Some(shared), command);
        async move { sending.await.ending }
    }

    fn send_with<C: Command>(
        &self,
        idempotency: Option<Idempotency>,
        command: C,
    ) -> impl Future<Output = Reply<C>> + Send + use<C> {
        let meta = Meta {
            // The events of a step name the procedure's command as their cause.
            command_id: self.meta.command_id,
            correlation: self.meta.correlation.clone(),
            idempotency,
            dry_run: self.meta.dry_run,
            at: self.meta.at,
        };
        let (sending, progress) = (self.bus.send_as(command, meta), Arc::clone(&self.progress));
        let is_real = !self.meta.dry_run;
        async move {
            let mut reply = sending.await;
            let may_be_done = matches!(reply.ending, Ok(_) | Err(NotDone::Unknown(_)));
            progress.done.fetch_or(may_be_done && is_real, Ordering::SeqCst);
            progress.lock().extend(std::mem::take(&mut reply.events));
            reply
        }
    }

    /// Stores a value that the procedure has read, so that retries of the same request use it too.
    /// Returns the value of the first attempt. Decisions of a procedure must not depend on changes
    /// made by its own steps, or by a concurrent attempt.
    ///
    /// # Errors
    /// [`NotDone::Failed`] or [`NotDone::Unknown`], if the value could not be stored.
    pub async fn pin<T: Wire, R: Wire>(
        &self,
        what: impl Display,
        value: T,
    ) -> Result<T, NotDone<R>> {
        let Some(idempotency) = self.meta.idempotency.as_ref().filter(|_| !self.meta.dry_run)
        else {
            return Ok(value);
        };
        let (idempotency, running) = (idempotency.part(what), &self.bus.services()[self.service]);
        let first = running.store_answer(&idempotency, Ok(&value), &self.meta).await?;
        first.map_or(Ok(value), |first| first.stored_result(&idempotency))
    }

    /// Answers a query from the views.
    ///
    /// # Errors
    /// As [`Bus::ask`].
    pub fn ask<Q: Query>(&self, query: Q) -> Result<Q::Answer, Failure> {
        self.bus.ask(query)
    }

    /// Whether this is a dry run, which stores nothing.
    #[must_use]
    pub fn dry_run(&self) -> bool {
        self.meta.dry_run
    }

    /// Whether a retry replays the completed steps, that is, the caller has sent an idempotency
    /// key.
    #[must_use]
    pub fn replays(&self) -> bool {
        self.meta.idempotency.is_some()
    }

    /// The number of partitions of this service.
    #[must_use]
    pub fn partitions(&self) -> usize {
        self.bus.services()[self.service].partitions.len()
    }

    /// The context of work that is not part of this procedure, such as the end of another one.
    #[must_use]
    pub fn aside(&self) -> Self {
        let meta = Meta { command_id: self.bus.new_id(), at: self.meta.at, ..Meta::default() };
        Self { bus: self.bus.clone(), service: self.service, meta, progress: Arc::default() }
    }

    /// The partition of an aggregate's key, less than the number of partitions of this service.
    #[must_use]
    pub fn partition(&self, key: &str) -> usize {
        partition_of(key, self.partitions())
    }

    /// The time at which the procedure decides.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.meta.at.unwrap_or_else(|| self.bus.now())
    }
}
