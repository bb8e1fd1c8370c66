//! Parked messages: listed with their reasons, and replayed after the cause is fixed.

use crate::bus::sending::Bus;
use crate::model::json_reply::JsonReply;
use crate::model::kernel_event::{KernelEvent, Parked};
use crate::model::message::{Idempotency, Key, Meta};
use crate::model::outcome::{Failure, NotDone};

impl Bus {
    /// The parked messages of a service as `(id, message)`, ordered by id, at most `limit` after
    /// the id `after`.
    ///
    /// # Errors
    /// When there is no such service, or the storage cannot be read.
    pub fn parked(
        &self,
        service: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Parked)>, Failure> {
        let mut parked = Vec::new();
        for partition in &self.running(service)?.partitions {
            parked.extend(partition.projector.read()?.parked.scan("", after, limit)?);
        }
        parked.sort_by(|(a, _), (b, _)| a.cmp(b));
        parked.truncate(limit);
        Ok(parked)
    }

    /// Parks a message that cannot be read or handled.
    ///
    /// # Errors
    /// When there is no such service, or the message was not stored.
    pub async fn park(&self, service: &str, message: Parked) -> Result<(), Failure> {
        let mut meta = Meta::default();
        self.identify(&mut meta);
        let partition = self.partition(service, 0)?;
        let Parked { message, body, reason, idempotency } = message;
        meta.idempotency = idempotency;
        partition.run_job(move |writer| writer.park(&meta, &message, body.clone(), &reason)).await
    }

    /// Sends a parked message again. If it is decided and this is not a dry run, it is no longer
    /// parked. The message has its effect at most once, however often it is replayed. Returns
    /// `None` if no message is parked under the id.
    ///
    /// # Errors
    /// When there is no such service, or the message cannot be read or handled.
    pub async fn replay_parked(
        &self,
        service: &str,
        id: &str,
        dry_run: bool,
    ) -> Result<Option<JsonReply>, Failure> {
        for partition in &self.running(service)?.partitions {
            let Some(parked) = partition.projector.read()?.parked.get(id)? else {
                continue;
            };
            // A message without an idempotency key gets its id as the key, so it is done once and
            // stays parked under the same id.
            let own_key = || Idempotency::of(id, parked.body.as_bytes());
            let idempotency = Some(parked.idempotency.clone().unwrap_or_else(own_key));
            let mut meta = Meta { dry_run, idempotency, ..Meta::default() };
            self.identify(&mut meta);
            let reply = self.send_json(&parked.message, &parked.body, meta.clone()).await?;
            let decided = matches!(reply.ending, Ok(_) | Err(NotDone::Refused(_)));
            if decided && !dry_run {
                let id = Key::from(id);
                let unpark = move |writer: &mut crate::write::writer::Writer| {
                    writer.record_kernel_event(&id, &meta, KernelEvent::Unparked);
                };
                // The next replay returns the same answer and tries again to unpark it.
                if let Err(failure) = partition.run_job(unpark).await {
                    tracing::warn!(%failure, "a replayed message could not be unparked");
                }
            }
            return Ok(Some(reply));
        }
        Ok(None)
    }
}
