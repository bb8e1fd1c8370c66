//! Answers stored under idempotency keys: found in any partition, stored once.

use std::sync::{Arc, Mutex, PoisonError};

use crate::model::kernel_event::Answered;
use crate::model::message::{Command, Idempotency, Key, Meta, Reply, Wire};
use crate::model::outcome::{Failure, NotDone};
use crate::model::partitioning::partition_of;
use crate::ports::log::StoreError;
use crate::write::running::Running;
use crate::write::writer::{GroupOutcome, Writer};

impl Running {
    /// The reply that is stored under the command's idempotency key; `None` for a dry run.
    pub(crate) fn stored_reply<C: Command>(&self, meta: &Meta) -> Option<Reply<C>> {
        let idempotency = meta.idempotency.as_ref().filter(|_| !meta.dry_run)?;
        match self.stored_answer(&idempotency.key) {
            Ok(answered) => Some(answered?.replay(idempotency)),
            Err(error) => Some(Reply::fresh(Err(Failure::from(error).into()))),
        }
    }

    fn stored_answer(&self, key: &Key) -> Result<Option<Answered>, StoreError> {
        for partition in &self.partitions {
            if let Some(answered) = partition.projector.answer(key)? {
                return Ok(Some(answered));
            }
        }
        Ok(None)
    }

    /// Stores an answer that was not decided by a writer. Returns the answer that was stored before
    /// under the same key, if there is one; then nothing is stored.
    pub(crate) async fn store_answer<A: Wire, R: Wire>(
        &self,
        idempotency: &Idempotency,
        decided: Result<&A, &R>,
        meta: &Meta,
    ) -> Result<Option<Answered>, NotDone<R>> {
        let answered = Answered::new(idempotency, decided);
        let partition = &self.partitions[partition_of(&idempotency.key, self.partitions.len())];
        let (key, meta) = (idempotency.key.clone(), meta.clone());
        let first: Arc<Mutex<Result<Option<Answered>, StoreError>>> =
            Arc::new(Mutex::new(Ok(None)));
        let found = Arc::clone(&first);
        let store = move |writer: &mut Writer| {
            let existing = writer.store_first_answer(&key, &answered, &meta);
            *found.lock().unwrap_or_else(PoisonError::into_inner) = existing;
        };
        match partition.run_job_for_outcome(store).await? {
            GroupOutcome::Committed => {}
            GroupOutcome::Failed(failure) => return Err(failure.into()),
            GroupOutcome::Unknown(why) => return Err(NotDone::Unknown(why)),
        }
        let first = first.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(first.map_err(Failure::from)?)
    }

    /// Fixes the result of a key lookup (`resolves_key`) for an idempotent command. Two concurrent
    /// requests with the same idempotency key may find different aggregates; both use the result
    /// that was stored first. Returns the aggregate's key, or the final reply.
    pub(crate) async fn agree_on_key<C: Command>(
        &self,
        found: Result<Key, NotDone<C::Refusal>>,
        meta: &Meta,
    ) -> Result<Key, Reply<C>> {
        let Some(idempotency) = meta.idempotency.as_ref().filter(|_| !meta.dry_run) else {
            return found.map_err(|not_done| Reply::fresh(Err(not_done)));
        };
        match self.first_key(idempotency, found, meta).await {
            Ok(key) => Ok(key),
            Err(NotDone::Refused(refusal)) => {
                match self.store_answer::<C::Answer, _>(idempotency, Err(&refusal), meta).await {
                    Ok(None) => Err(Reply::fresh(Err(NotDone::Refused(refusal)))),
                    Ok(Some(first)) => Err(first.replay(idempotency)),
                    Err(not_stored) => Err(Reply::fresh(Err(not_stored))),
                }
            }
            Err(not_done) => Err(Reply::fresh(Err(not_done))),
        }
    }

    async fn first_key<R: Wire>(
        &self,
        idempotency: &Idempotency,
        found: Result<Key, NotDone<R>>,
        meta: &Meta,
    ) -> Result<Key, NotDone<R>> {
        let lookup = idempotency.part("place");
        let stored = match &found {
            Ok(key) => self.store_answer(&lookup, Ok(key), meta).await?,
            Err(NotDone::Refused(refusal)) => {
                self.store_answer::<Key, _>(&lookup, Err(refusal), meta).await?
            }
            Err(_) => return found,
        };
        stored.map_or(found, |first| first.stored_result(&lookup))
    }
}
