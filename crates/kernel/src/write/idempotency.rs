//! Answers stored under idempotency keys: found in any partition, stored once.

use std::sync::{Arc, Mutex, PoisonError};

use crate::model::kernel_event::Answered;
use crate::model::message::{Command, Idempotency, Key, Meta, Reply, Wire};
use crate::model::outcome::{Failure, NotDone};
use crate::model::partitioning::partition_of;
use crate::ports::log::StoreError;
use crate::write::running::Running;
use crate::write::writer::{GroupEnding, Writer};

impl Running {
    /// The reply that is stored under the command's idempotency key; `None` for a dry run.
    pub(crate) fn kept<C: Command>(&self, meta: &Meta) -> Option<Reply<C>> {
        let idempotency = meta.idempotency.as_ref().filter(|_| !meta.dry_run)?;
        match self.answered(&idempotency.key) {
            Ok(answered) => Some(answered?.replay(idempotency)),
            Err(error) => Some(Reply::fresh(Err(Failure::from(error).into()))),
        }
    }

    fn answered(&self, key: &Key) -> Result<Option<Answered>, StoreError> {
        for partition in &self.partitions {
            if let Some(answered) = partition.projector.answer(key)? {
                return Ok(Some(answered));
            }
        }
        Ok(None)
    }

    /// Stores an answer that was not decided by a writer. Returns the answer that was stored before
    /// under the same key, if there is one; then nothing is stored.
    pub(crate) async fn keep<A: Wire, R: Wire>(
        &self,
        idempotency: &Idempotency,
        decided: Result<&A, &R>,
        meta: &Meta,
    ) -> Result<Option<Answered>, NotDone<R>> {
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
        match partition.run_job_to_end(keep).await? {
            GroupEnding::Committed => {}
            GroupEnding::Failed(failure) => return Err(failure.into()),
            GroupEnding::Unknown(why) => return Err(NotDone::Unknown(why)),
        }
        let first = first.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(first.map_err(Failure::from)?)
    }

    /// Fixes the result of a key lookup (`resolves_key`) for an idempotent command. Two concurrent
    /// requests with the same idempotency key may find different aggregates; both use the result that
    /// was stored first. Returns the aggregate's key, or the final reply.
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
                match self.keep::<C::Answer, _>(idempotency, Err(&refusal), meta).await {
                    Ok(None) => Err(Reply::fresh(Err(NotDone::Refused(refusal)))),
                    Ok(Some(first)) => Err(first.replay(idempotency)),
                    Err(not_kept) => Err(Reply::fresh(Err(not_kept))),
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
        let place = idempotency.part("place");
        let kept = match &found {
            Ok(key) => self.keep(&place, Ok(key), meta).await?,
            Err(NotDone::Refused(refusal)) => {
                self.keep::<Key, _>(&place, Err(refusal), meta).await?
            }
            Err(_) => return found,
        };
        kept.map_or(found, |first| first.again(&place))
    }
}
