//! The history of all clients: the requests by key, how each attempt ended, and the checks of each
//! answer.

use earmark_kernel::Failure;

use crate::answer::{Answer, Ending};
use crate::answer_check;
use crate::auditor::{Auditor, CausedEvent};
use crate::coverage::{Coverage, CoverageMark};
use crate::order_operations::AboutOrder;
use crate::workload::Request;

/// What the client knows about one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptState {
    InFlight,
    /// The client or the process is gone, and nobody receives the answer.
    Lost,
    Failed,
    Unknown,
    Decided,
}

#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// The command's id, as recorded in the log.
    pub(crate) id: String,
    pub(crate) state: AttemptState,
    /// Number of groups that had been written when the attempt was sent.
    pub(crate) groups: u64,
}

/// The one answer under a key.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    /// `done` or `refused`.
    how: &'static str,
    bytes: String,
    /// The incarnation of the process that answered first.
    incarnation: u64,
    /// Number of attempts at that time.
    attempts: usize,
    /// An answer that was not marked as replayed has been received.
    has_original: bool,
}

/// A request under an idempotency key, with all attempts to send it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) request: Request,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) decided: Option<Decided>,
    /// What it does to an order.
    pub(crate) about: Option<AboutOrder>,
    /// The request is not sent again: it was a dry run or cannot be parsed.
    pub(crate) is_final: bool,
}

impl Entry {
    /// Whether the client does not know the outcome.
    pub(crate) fn is_unresolved(&self) -> bool {
        let is_open = |it: &Attempt| {
            matches!(it.state, AttemptState::InFlight | AttemptState::Lost | AttemptState::Unknown)
        };
        self.decided.is_none() && !self.is_final && self.attempts.iter().any(is_open)
    }

    fn had(&self, state: AttemptState) -> bool {
        self.attempts.iter().any(|it| it.state == state)
    }

    /// Every attempt except `current` is known to have failed.
    fn only_failed(&self, current: usize) -> bool {
        let others = self.attempts.iter().enumerate().filter(|(index, _)| *index != current);
        others.into_iter().all(|(_, it)| it.state == AttemptState::Failed)
    }
}

/// All requests of a run.
#[derive(Default)]
pub(crate) struct History {
    pub(crate) entries: Vec<Entry>,
}

/// What an answer is checked against.
pub(crate) struct CheckContext<'a> {
    pub(crate) auditor: &'a Auditor,
    pub(crate) coverage: &'a mut Coverage,
    /// How many times the process has been started.
    pub(crate) incarnation: u64,
}

type Checked = Result<(), String>;

impl History {
    /// Adds an entry for a new request; returns its index.
    pub(crate) fn open(&mut self, request: Request, about: Option<AboutOrder>) -> usize {
        let key = format!("k{}", self.entries.len());
        let (attempts, decided, is_final) = (Vec::new(), None, false);
        self.entries.push(Entry { key, request, attempts, decided, about, is_final });
        self.entries.len() - 1
    }

    /// Adds an attempt to an entry; returns its index.
    pub(crate) fn attempt(
        &mut self,
        index: usize,
        id: String,
        groups: u64,
        coverage: &mut Coverage,
    ) -> usize {
        let attempts = &mut self.entries[index].attempts;
        let is_duplicate = |it: &Attempt| it.groups == groups && it.state == AttemptState::Lost;
        if attempts.iter().any(is_duplicate) {
            coverage.record(CoverageMark::DuplicateInOneGroup);
        }
        attempts.push(Attempt { id, state: AttemptState::InFlight, groups });
        attempts.len() - 1
    }

    /// Checks an answer and stores it.
    pub(crate) fn answered(
        &mut self,
        index: usize,
        attempt: usize,
        answer: &Answer,
        context: &mut CheckContext<'_>,
    ) -> Checked {
        let entry = &mut self.entries[index];
        let checked = match &answer.ending {
            _ if entry.request.dry_run => entry.dry_run(attempt, answer, context),
            Ending::Decided(how, bytes) => {
                entry.decide(attempt, how, bytes, answer.replayed, context)
            }
            Ending::Failed(failure) => entry.failed(attempt, failure, context),
            Ending::Unknown(_) => {
                entry.attempts[attempt].state = AttemptState::Unknown;
                Ok(())
            }
        };
        checked.map_err(|why| {
            format!("{} {} {}: {why}", entry.key, entry.request.name, entry.request.body)
        })
    }

    /// Checks the answer to a request under a key that belongs to another request.
    pub(crate) fn key_was_reused(
        &self,
        index: usize,
        answer: &Answer,
        coverage: &mut Coverage,
    ) -> Checked {
        match &answer.ending {
            Ending::Failed(Failure::KeyReused(_)) => {
                coverage.record(CoverageMark::KeyReused);
                Ok(())
            }
            Ending::Failed(_) | Ending::Unknown(_) => Ok(()),
            Ending::Decided(..) => {
                let key = &self.entries[index].key;
                Err(format!("{key} was accepted for another request: {answer:?}"))
            }
        }
    }

    /// At the end of a run: a request that only failed has recorded nothing.
    pub(crate) fn check_failed(&self, auditor: &Auditor) -> Checked {
        for entry in self.entries.iter().filter(|it| it.decided.is_none()) {
            let recorded = auditor.caused_by(&entry.key).iter().find(|it| entry.is_own(it));
            if recorded.is_some() || auditor.answer(&entry.key).is_some() {
                return Err(format!("{entry:?} failed and recorded {recorded:?}"));
            }
        }
        Ok(())
    }
}

impl Entry {
    fn decide(
        &mut self,
        attempt: usize,
        how: &'static str,
        bytes: &str,
        replayed: bool,
        context: &mut CheckContext<'_>,
    ) -> Checked {
        let events = context.auditor.caused_by(&self.key);
        if replayed {
            context.coverage.record(CoverageMark::ReplayedAnswer);
        }
        if self.decided.is_some() {
            self.decide_again(attempt, how, bytes, replayed, context)?;
            self.check_causes(attempt, replayed, events)?;
            return answer_check::check(self.request.name, how, bytes, &self.key, context.auditor);
        }
        match context.auditor.answer(&self.key) {
            Some((stored_how, stored)) if stored_how == how && stored == bytes => {}
            stored => return Err(format!("answered {how} {bytes}, the log has {stored:?}")),
        }
        if replayed && self.only_failed(attempt) {
            return Err(format!("replayed {how} {bytes} although every earlier attempt failed"));
        }
        match (replayed, self.had(AttemptState::Unknown)) {
            (true, true) => context.coverage.record(CoverageMark::UnknownWasDone),
            (true, false) => context.coverage.record(CoverageMark::DisconnectedWasDone),
            (false, true) => context.coverage.record(CoverageMark::UnknownWasNotDone),
            (false, false) if self.had(AttemptState::Failed) => {
                context.coverage.record(CoverageMark::FailedThenDone);
            }
            (false, false) => {}
        }
        self.check_causes(attempt, replayed, events)?;
        self.decided = Some(Decided {
            how,
            bytes: bytes.to_owned(),
            incarnation: context.incarnation,
            attempts: self.attempts.len(),
            has_original: !replayed,
        });
        self.attempts[attempt].state = AttemptState::Decided;
        if how == "refused"
            && self.request.name == "allocation.create_batch"
            && bytes.contains("sku")
        {
            context.coverage.record(CoverageMark::ReferenceOfAnotherSku);
        }
        answer_check::check(self.request.name, how, bytes, &self.key, context.auditor)
    }

    /// Checks an answer that is not the first one.
    fn decide_again(
        &mut self,
        attempt: usize,
        how: &'static str,
        bytes: &str,
        replayed: bool,
        context: &mut CheckContext<'_>,
    ) -> Checked {
        let Some(first) = &mut self.decided else {
            return Ok(());
        };
        if (first.how, first.bytes.as_str()) != (how, bytes) {
            return Err(format!("answered {first:?} first, now {how} {bytes}"));
        }
        // The original answer may arrive after a replayed one.
        if !replayed && (first.has_original || attempt >= first.attempts) {
            return Err("decided again after it was answered".into());
        }
        first.has_original |= !replayed;
        if first.incarnation < context.incarnation {
            context.coverage.record(CoverageMark::ReplayedAfterCrash);
        }
        self.attempts[attempt].state = AttemptState::Decided;
        Ok(())
    }

    /// Whether an event belongs to this request. A step of a procedure may find an expired hold or
    /// batch and end it; that event would have been recorded without the request, too.
    fn is_own(&self, event: &CausedEvent) -> bool {
        !(event.is_consequence && answer_check::is_procedure(self.request.name))
    }

    /// Exactly one attempt caused all events: this one, unless the answer was replayed.
    fn check_causes(&self, attempt: usize, replayed: bool, events: &[CausedEvent]) -> Checked {
        if answer_check::is_procedure(self.request.name) {
            return Ok(());
        }
        let own = &self.attempts[attempt].id;
        let Some(cause) = events.first().map(|it| &it.causation) else {
            return Ok(());
        };
        let is_one = events.iter().all(|it| it.causation == *cause);
        let is_known = self.attempts.iter().any(|it| it.id == *cause);
        if is_one && is_known && (cause == own) != replayed {
            return Ok(());
        }
        Err(format!("not caused by exactly one attempt (replayed: {replayed}): {events:?}"))
    }

    fn failed(
        &mut self,
        attempt: usize,
        failure: &Failure,
        context: &mut CheckContext<'_>,
    ) -> Checked {
        self.attempts[attempt].state = AttemptState::Failed;
        match failure {
            Failure::Busy { .. } => context.coverage.record(CoverageMark::BusyRefusal),
            Failure::StorageFull(_) => context.coverage.record(CoverageMark::FullDiskRefusal),
            Failure::Conflict(_) => {
                context.coverage.record(CoverageMark::OrderBusy);
                // A dry run does not carry on what another request has begun.
                self.is_final |= self.request.dry_run;
            }
            Failure::Storage(_) | Failure::Stopping => {}
            Failure::Unreadable { .. } if self.request.hostile => {
                context.coverage.record(CoverageMark::HostileValue);
                self.is_final = true;
            }
            _ => return Err(format!("failed: {failure}")),
        }
        let own = &self.attempts[attempt].id;
        let mut events = context.auditor.caused_by(&self.key).iter().filter(|it| self.is_own(it));
        let must_be_empty = self.only_failed(attempt) && self.decided.is_none();
        match events.find(|it| must_be_empty || it.causation == *own) {
            Some(event) => Err(format!("failed ({failure}) and recorded {event:?}")),
            None if must_be_empty && context.auditor.answer(&self.key).is_some() => {
                Err(format!("failed ({failure}) and was answered"))
            }
            None => Ok(()),
        }
    }

    fn dry_run(
        &mut self,
        attempt: usize,
        answer: &Answer,
        context: &mut CheckContext<'_>,
    ) -> Checked {
        let events = context.auditor.caused_by(&self.key);
        let has_answer = context.auditor.answer(&self.key).is_some();
        if !events.is_empty() || has_answer || answer.replayed {
            return Err(format!("a dry run recorded {events:?}"));
        }
        if let Ending::Failed(failure) = &answer.ending {
            return self.failed(attempt, failure, context);
        }
        if answer.events > 0 {
            context.coverage.record(CoverageMark::DryRun);
        }
        self.attempts[attempt].state = AttemptState::Failed;
        self.is_final = true;
        Ok(())
    }
}
