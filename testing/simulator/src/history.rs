//! What clients asked for under which key, how each attempt ended, and what may be answered next.

use earmark_kernel::Failure;

use crate::answer::{Answer, Ending};
use crate::auditor::{Auditor, Effect};
use crate::coverage::{Coverage, CoverageMark};
use crate::effects;
use crate::workload::Request;

/// How one attempt ended for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is on its way.
    Open,
    /// Nobody will hear the answer: the client or the process went away.
    Lost,
    Failed,
    Unknown,
    Decided,
}

#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// The command's id, as the log has it.
    pub(crate) id: String,
    pub(crate) fate: Fate,
    /// Groups that had been written when it was sent.
    pub(crate) groups: u64,
}

/// The one answer under a key.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    /// `done` or `refused`.
    how: &'static str,
    bytes: String,
    /// In which life of the process it came first.
    life: u64,
    /// Attempts that had been made by then.
    attempts: usize,
    /// The attempt that decided it has been answered, and not only one that repeats it.
    is_first_hand: bool,
}

/// Something asked for under a key, as often as need be.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) key: String,
    pub(crate) request: Request,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) decided: Option<Decided>,
    /// Asking again would be of no use.
    pub(crate) is_over: bool,
}

impl Asked {
    /// Whether the client does not know what came of it.
    pub(crate) fn is_unresolved(&self) -> bool {
        let unheard = |it: &Attempt| matches!(it.fate, Fate::Open | Fate::Lost | Fate::Unknown);
        self.decided.is_none() && !self.is_over && self.attempts.iter().any(unheard)
    }

    fn had(&self, fate: Fate) -> bool {
        self.attempts.iter().any(|it| it.fate == fate)
    }

    /// Every attempt but the present one is known to have failed.
    fn only_failed(&self, present: usize) -> bool {
        let others = self.attempts.iter().enumerate().filter(|(place, _)| *place != present);
        others.into_iter().all(|(_, it)| it.fate == Fate::Failed)
    }
}

/// Everything that was ever asked for.
#[derive(Default)]
pub(crate) struct History {
    pub(crate) asked: Vec<Asked>,
}

/// What there is to check an answer by.
pub(crate) struct Witness<'a> {
    pub(crate) auditor: &'a Auditor,
    pub(crate) saw: &'a mut Coverage,
    /// How often the process was started.
    pub(crate) life: u64,
}

type Checked = Result<(), String>;

impl History {
    /// Opens a page for something to be asked for.
    pub(crate) fn open(&mut self, request: Request) -> usize {
        let key = format!("k{}", self.asked.len());
        let (attempts, decided, is_over) = (Vec::new(), None, false);
        self.asked.push(Asked { key, request, attempts, decided, is_over });
        self.asked.len() - 1
    }

    /// Notes that it is asked for now; says which attempt it is.
    pub(crate) fn attempt(
        &mut self,
        asked: usize,
        id: String,
        groups: u64,
        saw: &mut Coverage,
    ) -> usize {
        let page = &mut self.asked[asked];
        if page.attempts.iter().any(|it| it.groups == groups && it.fate == Fate::Lost) {
            saw.saw(CoverageMark::DuplicateInOneGroup);
        }
        page.attempts.push(Attempt { id, fate: Fate::Open, groups });
        page.attempts.len() - 1
    }

    /// Checks an answer and notes it.
    pub(crate) fn answered(
        &mut self,
        asked: usize,
        attempt: usize,
        answer: &Answer,
        by: &mut Witness<'_>,
    ) -> Checked {
        let page = &mut self.asked[asked];
        let checked = match &answer.ending {
            _ if page.request.dry_run => page.rehearsed(attempt, answer, by),
            Ending::Decided(how, bytes) => page.flush(attempt, how, bytes, answer.replayed, by),
            Ending::Failed(failure) => page.failed(attempt, failure, by),
            Ending::Unknown(_) => {
                page.attempts[attempt].fate = Fate::Unknown;
                Ok(())
            }
        };
        checked.map_err(|why| {
            format!("{} {} {}: {why}", page.key, page.request.name, page.request.body)
        })
    }

    /// The answer to a request under a key that was used for another one.
    pub(crate) fn reused(&self, asked: usize, answer: &Answer, saw: &mut Coverage) -> Checked {
        match &answer.ending {
            Ending::Failed(Failure::KeyReused(_)) => {
                saw.saw(CoverageMark::KeyReused);
                Ok(())
            }
            Ending::Failed(_) | Ending::Unknown(_) => Ok(()),
            Ending::Decided(..) => {
                let key = &self.asked[asked].key;
                Err(format!("{key} served another request: {answer:?}"))
            }
        }
    }

    /// At the end: what only failed has done nothing.
    pub(crate) fn check_failed(&self, auditor: &Auditor) -> Checked {
        for page in self.asked.iter().filter(|it| it.decided.is_none()) {
            let did = auditor.effects(&page.key).iter().find(|it| page.is_own(it));
            if did.is_some() || auditor.answer(&page.key).is_some() {
                return Err(format!("{page:?} failed and did {did:?}"));
            }
        }
        Ok(())
    }
}

impl Asked {
    fn flush(
        &mut self,
        attempt: usize,
        how: &'static str,
        bytes: &str,
        replayed: bool,
        by: &mut Witness<'_>,
    ) -> Checked {
        let effects = by.auditor.effects(&self.key);
        if replayed {
            by.saw.saw(CoverageMark::ReplayedAnswer);
        }
        if let Some(first) = &mut self.decided {
            if (first.how, first.bytes.as_str()) != (how, bytes) {
                return Err(format!("answered {first:?} first, now {how} {bytes}"));
            }
            // The answer of one that was under way may come after one that repeats it.
            if !replayed && (first.is_first_hand || attempt >= first.attempts) {
                return Err("decided anew after it was answered".into());
            }
            first.is_first_hand |= !replayed;
            if first.life < by.life {
                by.saw.saw(CoverageMark::ReplayedAfterCrash);
            }
            self.attempts[attempt].fate = Fate::Decided;
            self.check_causes(attempt, replayed, effects)?;
            return effects::check(self.request.name, how, bytes, &self.key, by.auditor);
        }
        match by.auditor.answer(&self.key) {
            Some((kept_how, kept)) if kept_how == how && kept == bytes => {}
            kept => return Err(format!("answered {how} {bytes}, the log keeps {kept:?}")),
        }
        if replayed && self.only_failed(attempt) {
            return Err(format!("replayed {how} {bytes} though nothing was done before"));
        }
        match (replayed, self.had(Fate::Unknown)) {
            (true, true) => by.saw.saw(CoverageMark::UnknownWasDone),
            (true, false) => by.saw.saw(CoverageMark::DisconnectedWasDone),
            (false, true) => by.saw.saw(CoverageMark::UnknownWasNotDone),
            (false, false) if self.had(Fate::Failed) => by.saw.saw(CoverageMark::FailedThenDone),
            (false, false) => {}
        }
        self.check_causes(attempt, replayed, effects)?;
        let (bytes_kept, life, attempts) = (bytes.to_owned(), by.life, self.attempts.len());
        let is_first_hand = !replayed;
        self.decided = Some(Decided { how, bytes: bytes_kept, life, attempts, is_first_hand });
        self.attempts[attempt].fate = Fate::Decided;
        if how == "refused"
            && self.request.name == "allocation.create_batch"
            && bytes.contains("sku")
        {
            by.saw.saw(CoverageMark::ReferenceOfAnotherSku);
        }
        effects::check(self.request.name, how, bytes, &self.key, by.auditor)
    }

    /// Whether what was done is laid to this command. A step of one that takes several commands may
    /// meet a hold or a batch whose time is over; what ends then would have ended without it.
    fn is_own(&self, effect: &Effect) -> bool {
        !(effect.follows && effects::is_conducted(self.request.name))
    }

    /// One attempt alone did all that was done: this one, unless the answer was replayed.
    fn check_causes(&self, attempt: usize, replayed: bool, effects: &[Effect]) -> Checked {
        if effects::is_conducted(self.request.name) {
            return Ok(());
        }
        let own = &self.attempts[attempt].id;
        let Some(cause) = effects.first().map(|it| &it.causation) else {
            return Ok(());
        };
        let is_one = effects.iter().all(|it| it.causation == *cause);
        let is_known = self.attempts.iter().any(|it| it.id == *cause);
        if is_one && is_known && (cause == own) != replayed {
            return Ok(());
        }
        Err(format!("not one attempt did this (replayed: {replayed}): {effects:?}"))
    }

    fn failed(&mut self, attempt: usize, failure: &Failure, by: &mut Witness<'_>) -> Checked {
        self.attempts[attempt].fate = Fate::Failed;
        match failure {
            Failure::Busy { .. } => by.saw.saw(CoverageMark::BusyRefusal),
            Failure::StorageFull(_) => by.saw.saw(CoverageMark::FullDiskRefusal),
            Failure::Storage(_) | Failure::Stopping => {}
            Failure::Unreadable { .. } if self.request.hostile => {
                by.saw.saw(CoverageMark::HostileValue);
                self.is_over = true;
            }
            _ => return Err(format!("failed: {failure}")),
        }
        let own = &self.attempts[attempt].id;
        let mut effects = by.auditor.effects(&self.key).iter().filter(|it| self.is_own(it));
        let nothing = self.only_failed(attempt) && self.decided.is_none();
        let did = effects.find(|it| nothing || it.causation == *own);
        match did {
            Some(effect) => Err(format!("failed ({failure}) and did {effect:?}")),
            None if nothing && by.auditor.answer(&self.key).is_some() => {
                Err(format!("failed ({failure}) and was answered"))
            }
            None => Ok(()),
        }
    }

    fn rehearsed(&mut self, attempt: usize, answer: &Answer, by: &mut Witness<'_>) -> Checked {
        let effects = by.auditor.effects(&self.key);
        if !effects.is_empty() || by.auditor.answer(&self.key).is_some() || answer.replayed {
            return Err(format!("a dry run did {effects:?}"));
        }
        if let Ending::Failed(failure) = &answer.ending {
            return self.failed(attempt, failure, by);
        }
        if answer.events > 0 {
            by.saw.saw(CoverageMark::DryRun);
        }
        self.attempts[attempt].fate = Fate::Failed;
        self.is_over = true;
        Ok(())
    }
}
