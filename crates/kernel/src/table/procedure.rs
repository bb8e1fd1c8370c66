//! Procedures: commands that take several commands, each step safe to repeat.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::value::RawValue;

use crate::bus::routes::RunProcedure;
use crate::bus::sending::Bus;
use crate::model::message::{Command, Meta, Query, Reply, Wire};
use crate::model::outcome::{Failure, NotDone};
use crate::ports::clock::UnixMillis;
use crate::write::submission::ReplyFuture;

/// A procedure: a function from its context and its command to how it ends.
pub(crate) type Procedure<C> = dyn Fn(ProcedureContext, C) -> ReplyFuture<Ended<C>> + Send + Sync;

/// How a procedure ends.
type Ended<C> = Result<<C as Command>::Answer, NotDone<<C as Command>::Refusal>>;

/// How the bus runs a procedure of the service that has the place `service` in it.
pub(crate) fn route<C: Command>(
    service: usize,
    procedure: Arc<Procedure<C>>,
) -> Arc<RunProcedure<C>> {
    Arc::new(move |bus, command, meta| {
        let procedure = Arc::clone(&procedure);
        Box::pin(async move { run(&bus, service, &*procedure, command, meta).await })
    })
}

/// Runs a procedure. Its answer is kept under the idempotency key, as a handler's is; if it breaks
/// off half-way, the steps done are replayed from theirs.
async fn run<C: Command>(
    bus: &Bus,
    service: usize,
    procedure: &Procedure<C>,
    command: C,
    meta: Meta,
) -> Reply<C> {
    let running = &bus.services()[service];
    if let Some(reply) = running.kept(&meta) {
        return reply;
    }
    let progress = Arc::new(Progress::default());
    let within = Arc::clone(&progress);
    let context =
        ProcedureContext { bus: bus.clone(), service, meta: meta.clone(), progress: within };
    let mut ending = procedure(context, command).await;
    if progress.done.load(Ordering::SeqCst) && matches!(ending, Err(NotDone::Failed(_))) {
        // Some of it is done, and the steps know it: asking again completes it.
        ending = ending.map_err(|failed| NotDone::Unknown(format!("half done: {failed}")));
    }
    let idempotency = meta.idempotency.as_ref().filter(|_| !meta.dry_run);
    let decided = match &ending {
        Ok(answer) => Some(Ok(answer)),
        Err(NotDone::Refused(refusal)) => Some(Err(refusal)),
        Err(_) => None,
    };
    if let (Some(idempotency), Some(decided)) = (idempotency, decided) {
        match running.keep(idempotency, decided, &meta).await {
            Ok(None) => {}
            // The same request came twice at once, and the other was faster.
            Ok(Some(first)) => return first.replay(idempotency),
            // What was done is done: asking again completes it.
            Err(not_kept) => return Reply::fresh(Err(NotDone::Unknown(not_kept.to_string()))),
        }
    }
    let events = std::mem::take(&mut *progress.lock());
    Reply { events, ..Reply::fresh(ending) }
}

/// What the steps of a procedure leave behind.
#[derive(Default)]
struct Progress {
    /// A step was done or may be, now or before, and was not only rehearsed.
    done: AtomicBool,
    events: Mutex<Vec<Box<RawValue>>>,
}

impl Progress {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Box<RawValue>>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A procedure at work: sends its steps with what was said about the whole.
#[derive(Clone)]
pub struct ProcedureContext {
    bus: Bus,
    service: usize,
    meta: Meta,
    progress: Arc<Progress>,
}

impl ProcedureContext {
    /// Sends a step. Its name is unique in the procedure: it is part of the step's idempotency key.
    ///
    /// # Errors
    /// As the step ends.
    pub async fn send<C: Command>(
        &self,
        step: impl Display,
        command: C,
    ) -> Result<C::Answer, NotDone<C::Refusal>> {
        let meta = Meta {
            // What its steps record was caused by the whole.
            command_id: self.meta.command_id,
            correlation: self.meta.correlation.clone(),
            idempotency: self.meta.idempotency.as_ref().map(|it| it.part(step)),
            dry_run: self.meta.dry_run,
            at: self.meta.at,
        };
        let reply = self.bus.send_as(command, meta).await;
        let may_be_done = matches!(reply.ending, Ok(_) | Err(NotDone::Unknown(_)));
        self.progress.done.fetch_or(may_be_done && !self.meta.dry_run, Ordering::SeqCst);
        self.progress.lock().extend(reply.events);
        reply.ending
    }

    /// What was seen when the same request came first, which is now unless its key says otherwise.
    /// What a procedure is to do must not rest on what its own steps, or its twin's, have changed.
    ///
    /// # Errors
    /// When it could not be kept: nothing happened, or it may have.
    pub async fn pin<T: Wire, R: Wire>(
        &self,
        what: impl Display,
        seen: T,
    ) -> Result<T, NotDone<R>> {
        let Some(idempotency) = self.meta.idempotency.as_ref().filter(|_| !self.meta.dry_run)
        else {
            return Ok(seen);
        };
        let (idempotency, running) = (idempotency.part(what), &self.bus.services()[self.service]);
        let first = running.keep(&idempotency, Ok(&seen), &self.meta).await?;
        first.map_or(Ok(seen), |first| first.again(&idempotency))
    }

    /// Asks the views.
    ///
    /// # Errors
    /// As [`Bus::ask`].
    pub fn ask<Q: Query>(&self, query: Q) -> Result<Q::Answer, Failure> {
        self.bus.ask(query)
    }

    /// Whether nothing is to be kept.
    #[must_use]
    pub fn dry_run(&self) -> bool {
        self.meta.dry_run
    }

    /// Whether asking again replays the steps that were decided: the caller gave a key.
    #[must_use]
    pub fn replays(&self) -> bool {
        self.meta.idempotency.is_some()
    }

    /// The moment to decide by.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.meta.at.unwrap_or_else(|| self.bus.now())
    }
}
