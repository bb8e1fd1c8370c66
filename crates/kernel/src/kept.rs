//! Answers kept under idempotency keys: found whichever partition keeps them, kept once.

use std::sync::{Arc, Mutex, PoisonError};

use crate::bus::{Running, partition_of};
use crate::kernel_event::Answered;
use crate::log::StoreError;
use crate::message::{Command, Idempotency, Key, Meta, Reply};
use crate::problem::{Failure, NotDone};
use crate::writer::{GroupEnding, Writer};

impl Running {
    /// The answer given before under the key of a command, if it is not a rehearsal.
    pub(crate) fn kept<C: Command>(&self, meta: &Meta) -> Option<Reply<C>> {
        let idempotency = meta.idempotency.as_ref().filter(|_| !meta.dry_run)?;
        match self.answered(&idempotency.key) {
            Ok(answered) => Some(answered?.replay(idempotency)),
            Err(error) => Some(Reply::fresh(Err(Failure::from(error).into()))),
        }
    }

    fn answered(&self, key: &Key) -> Result<Option<Answered>, StoreError> {
        for partition in &self.partitions {
            if let Some(answered) = partition.follower.answer(key)? {
                return Ok(Some(answered));
            }
        }
        Ok(None)
    }

    /// The answers kept under keys that begin with `prefix`.
    pub(crate) fn answered_under(&self, prefix: &str) -> Result<Vec<Answered>, StoreError> {
        let mut found = Vec::new();
        for partition in &self.partitions {
            found.extend(partition.follower.read()?.answers.scan(prefix, None, usize::MAX / 4)?);
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found.into_iter().map(|(_, answered)| answered).collect())
    }

    /// Keeps how a command ended that no writer decided; what was kept first is the answer.
    pub(crate) async fn keep<C: Command>(
        &self,
        idempotency: &Idempotency,
        decided: Result<&C::Answer, &C::Refusal>,
        meta: &Meta,
    ) -> Result<Option<Reply<C>>, NotDone<C::Refusal>> {
        let answered = Answered::of(idempotency, decided);
        let partition = &self.partitions[partition_of(&idempotency.key, self.partitions.len())];
        let (key, meta) = (idempotency.key.clone(), meta.clone());
        let first: Arc<Mutex<Result<Option<Answered>, StoreError>>> =
            Arc::new(Mutex::new(Ok(None)));
        let found = Arc::clone(&first);
        let keep = move |writer: &mut Writer| {
            let known = writer.keep_first(&key, &answered, &meta);
            *found.lock().unwrap_or_else(PoisonError::into_inner) = known;
        };
        match partition.errand_to_its_end(keep).await? {
            GroupEnding::Committed => {}
            GroupEnding::Failed(failure) => return Err(failure.into()),
            GroupEnding::Unknown(why) => return Err(NotDone::Unknown(why)),
        }
        let first = first.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let first = first.map_err(Failure::from)?;
        Ok(first.map(|answered| answered.replay(idempotency)))
    }

    /// A command whose aggregate was not found is refused for good, as others are by a writer.
    pub(crate) async fn keep_unlocated<C: Command>(
        &self,
        not_done: NotDone<C::Refusal>,
        meta: &Meta,
    ) -> Reply<C> {
        let idempotency = meta.idempotency.as_ref().filter(|_| !meta.dry_run);
        let (NotDone::Refused(refusal), Some(idempotency)) = (&not_done, idempotency) else {
            return Reply::fresh(Err(not_done));
        };
        match self.keep(idempotency, Err(refusal), meta).await {
            Ok(None) => Reply::fresh(Err(not_done)),
            Ok(Some(reply)) => reply,
            Err(not_done) => Reply::fresh(Err(not_done)),
        }
    }
}
