//! Commands that are decided by sending other commands of their partition, in one record.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::model::envelope::Author;
use crate::model::kernel_event::Answered;
use crate::model::message::{Command, Meta, Reply};
use crate::model::outcome::{Failure, NotDone};
use crate::ports::failpoint;
use crate::write::queue::Queued;
use crate::write::together::{Layer, Scope, Together};
use crate::write::writer::{GroupOutcome, HANDLER_ATTEMPTS_MAX, Job, Writer, catch_panic, json_of};

/// A command that is decided by sending other commands of its partition.
pub(crate) struct Composite<C: Command> {
    pub(crate) decide: Box<DecideTogether<C>>,
    /// The names of the commands that it may send.
    pub(crate) sends: &'static [&'static str],
    /// The number of commands as which it counts in the queue.
    pub(crate) weight: fn(&C) -> usize,
}

/// Decides a command by sending others. A failure stores nothing, so the command can be sent again.
pub(crate) type DecideTogether<C> =
    dyn Fn(&mut Together, C) -> Result<Decided<C>, Failure> + Send + Sync;

/// The result of a handler.
type Decided<C> = Result<<C as Command>::Answer, <C as Command>::Refusal>;

/// A composite command in the queue of its partition's writer.
pub(crate) struct CompositeJob<C: Command> {
    pub(crate) composite: Arc<Composite<C>>,
    pub(crate) scope: Scope,
    pub(crate) command: C,
    pub(crate) meta: Meta,
    pub(crate) decided: Option<Reply<C>>,
    pub(crate) reply: oneshot::Sender<Vec<Reply<C>>>,
}

impl<C: Command> Queued for CompositeJob<C> {
    fn commands(&self) -> usize {
        (self.composite.weight)(&self.command).max(1)
    }
}

impl<C: Command> Job for CompositeJob<C> {
    fn decide(&mut self, writer: &mut Writer) {
        let reply =
            writer.decide_composite(&self.composite, &self.scope, &self.command, &self.meta);
        self.decided = Some(reply.unwrap_or_else(|failure| Reply::fresh(Err(failure.into()))));
    }

    fn answer(self: Box<Self>, outcome: &GroupOutcome) {
        let reply = match outcome {
            GroupOutcome::Committed => self.decided.expect("decided before it is answered"),
            GroupOutcome::Failed(failure) => Reply::fresh(Err(NotDone::Failed(failure.clone()))),
            GroupOutcome::Unknown(why) => Reply::fresh(Err(NotDone::Unknown(why.clone()))),
        };
        // The caller may be gone; the command is committed regardless.
        let _ = self.reply.send(vec![reply]);
    }
}

impl Writer {
    fn decide_composite<C: Command>(
        &mut self,
        composite: &Composite<C>,
        scope: &Scope,
        command: &C,
        meta: &Meta,
    ) -> Result<Reply<C>, Failure> {
        let idempotency = meta.idempotency.as_ref().filter(|_| !meta.dry_run);
        if let Some(idempotency) = idempotency
            && let Some(answered) = self.stored_answer(&idempotency.key)?
        {
            return Ok(Answered::replay(&answered, idempotency));
        }
        let mut reason = String::new();
        for _ in 0..HANDLER_ATTEMPTS_MAX {
            let decided = catch_panic(|| {
                let mut together = Together::new(self, scope, composite.sends, meta);
                let decided = (composite.decide)(&mut together, command.clone());
                decided.map(|decided| (decided, together.finish()))
            });
            match decided {
                Ok(Err(failure)) => return Err(failure),
                Ok(Ok((decided, whole))) => return Ok(self.take(whole, decided, meta)),
                Err(panic_message) => reason = panic_message,
            }
        }
        if meta.dry_run {
            return Err(Failure::Broken { command: C::NAME.into(), reason });
        }
        Err(self.park_command(command, meta, reason))
    }

    /// Makes what was decided part of the current group, or only reports it for a dry run.
    fn take<C: Command>(&mut self, whole: Layer, decided: Decided<C>, meta: &Meta) -> Reply<C> {
        if meta.dry_run && !failpoint::is_on("dry-run-keeps") {
            let events = whole.events.iter().map(|it| json_of(&it.event)).collect();
            return Reply { events, ..Reply::fresh(decided.map_err(NotDone::Refused)) };
        }
        let at = meta.at.unwrap_or(self.group.at);
        for (id, recorder) in whole.aggregates {
            self.cache.replace(id, recorder);
        }
        for it in whole.events {
            let (kind, key) = it.id;
            let author = Author { kind, aggregate: it.aggregate, key: &key, meta, at };
            self.group.push(&author, it.name, it.event);
        }
        if let Some(idempotency) = &meta.idempotency {
            self.store_answer::<C>(idempotency, &decided, meta);
        }
        Reply::fresh(decided.map_err(NotDone::Refused))
    }
}
