//! Procedures: commands that take several commands, each step safe to repeat.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::value::RawValue;

use crate::bus::{Bus, partition_of};
use crate::clock::Now;
use crate::kernel_event::{Answered, KernelEvent};
use crate::line::Procedure;
use crate::message::{Command, Idempotency, Meta, Query, Reply};
use crate::problem::{Failure, NotDone};

impl Bus {
    /// Runs a procedure. Its answer is kept under the idempotency key, as a handler's is; should it
    /// break off half-way, the steps done are replayed from theirs.
    pub(crate) async fn conduct<C: Command>(
        &self,
        service: usize,
        line: usize,
        command: C,
        meta: Meta,
    ) -> Reply<C> {
        let running = &self.services()[service];
        let run = &running.service.conducted[line].run;
        let run: &Arc<Procedure<C>> = run.downcast_ref().expect("found by its type");
        let idempotency = meta.idempotency.clone().filter(|_| !meta.dry_run);
        if let Some(idempotency) = &idempotency {
            let partition = partition_of(&idempotency.key, running.partitions.len());
            match running.partitions[partition].follower.answer(&idempotency.key) {
                Ok(None) => {}
                Ok(Some(answered)) => return Answered::replay(&answered, idempotency),
                Err(error) => return Reply::fresh(Err(Failure::from(error).into())),
            }
        }
        let track = Arc::new(Track::default());
        let caller = Caller { bus: self.clone(), meta: meta.clone(), track: Arc::clone(&track) };
        let ending = run(caller, command).await;
        let replayed = idempotency.is_some() && !track.fresh.load(Ordering::SeqCst);
        if let Some(idempotency) = &idempotency
            && let Err(failure) = self.keep_whole::<C>(service, idempotency, &ending, &meta).await
        {
            // What was done is done, and the steps know it: asking again completes it.
            return Reply::fresh(Err(NotDone::Unknown(failure.to_string())));
        }
        let events = std::mem::take(&mut *track.lock());
        Reply { ending, replayed, events }
    }

    async fn keep_whole<C: Command>(
        &self,
        service: usize,
        idempotency: &Idempotency,
        ending: &Result<C::Answer, NotDone<C::Refusal>>,
        meta: &Meta,
    ) -> Result<(), Failure> {
        let decided = match ending {
            Ok(answer) => Ok(answer),
            Err(NotDone::Refused(refusal)) => Err(refusal),
            Err(_) => return Ok(()),
        };
        let answered = Answered::of(idempotency, decided);
        let partitions = &self.services()[service].partitions;
        let partition = &partitions[partition_of(&idempotency.key, partitions.len())];
        let (key, meta) = (idempotency.key.clone(), meta.clone());
        let keep = move |writer: &mut crate::writer::Writer| {
            writer.record_own(&key, &meta, KernelEvent::Answered(answered.clone()));
        };
        partition.errand(keep).await
    }
}

/// What the steps of a procedure leave behind.
#[derive(Default)]
struct Track {
    /// A step was decided now, not replayed.
    fresh: AtomicBool,
    events: Mutex<Vec<Box<RawValue>>>,
}

impl Track {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Box<RawValue>>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A procedure at work: sends its steps with what was said about the whole.
#[derive(Clone)]
pub struct Caller {
    bus: Bus,
    meta: Meta,
    track: Arc<Track>,
}

impl Caller {
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
        if !reply.replayed {
            self.track.fresh.store(true, Ordering::SeqCst);
        }
        self.track.lock().extend(reply.events);
        reply.ending
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
    pub fn now(&self) -> Now {
        self.meta.at.unwrap_or_else(|| self.bus.now())
    }
}
