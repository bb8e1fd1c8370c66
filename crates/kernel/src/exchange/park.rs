//! Messages set aside: seen, explained, and sent again when the reason is gone.

use crate::bus::sending::Bus;
use crate::model::json_reply::JsonReply;
use crate::model::kernel_event::{KernelEvent, Parked};
use crate::model::message::{Idempotency, Key, Meta};
use crate::model::outcome::{Failure, NotDone};

impl Bus {
    /// Messages set aside in a service, as `(id, message)` in order of their ids, at most `limit`
    /// after the id `after`.
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

    /// Sets a message aside that cannot be read or served, with the reason.
    ///
    /// # Errors
    /// When there is no such service, or nothing was kept.
    pub async fn park(&self, service: &str, message: Parked) -> Result<(), Failure> {
        let mut meta = Meta::default();
        self.identify(&mut meta);
        let partition = self.partition(service, 0)?;
        let Parked { message, body, reason, idempotency } = message;
        meta.idempotency = idempotency;
        partition.run_job(move |writer| writer.park(&meta, &message, body.clone(), &reason)).await
    }

    /// Sends a parked message again; it is parked no more if it was decided (not for a dry run).
    /// However often it is sent, it has its effect once.
    /// None: nothing is parked under that id.
    ///
    /// # Errors
    /// When there is no such service, or it fails again.
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
            // One that came without a key is done once all the same, and parked under one id.
            let own = || Idempotency::of(id, parked.body.as_bytes());
            let idempotency = Some(parked.idempotency.clone().unwrap_or_else(own));
            let mut meta = Meta { dry_run, idempotency, ..Meta::default() };
            self.identify(&mut meta);
            let reply = self.send_json(&parked.message, &parked.body, meta.clone()).await?;
            let decided = matches!(reply.ending, Ok(_) | Err(NotDone::Refused(_)));
            if decided && !dry_run {
                let id = Key::from(id);
                let unpark = move |writer: &mut crate::write::writer::Writer| {
                    writer.record_own(&id, &meta, KernelEvent::Unparked);
                };
                // Sent again, it gives the same answer, and is parked no more then.
                if let Err(failure) = partition.run_job(unpark).await {
                    tracing::warn!(%failure, "a message that was decided is still parked");
                }
            }
            return Ok(Some(reply));
        }
        Ok(None)
    }
}
