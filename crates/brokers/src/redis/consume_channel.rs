//! Messages in over Redis Pub/Sub: heard by one process, done as they come, lost if nobody hears.

use std::time::Duration;

use futures_util::StreamExt;
use redis::RedisError;
use tokio::sync::watch;

use super::connection::Redis;
use crate::inbox::{Inbox, Incoming, waits};

/// So many messages are done at a time.
const READ_MESSAGES_MAX: usize = 256;
/// A connection on which nothing comes is looked after this often.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// Who does not answer a ping by then is unavailable.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// Who does not have the lease looks this often whether it is free.
const LEASE_POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Hears the channels of a server.
pub struct Subscriber {
    redis: Redis,
    inbox: Inbox,
}

impl Subscriber {
    /// Hears what comes by the bindings of an inbox.
    #[must_use]
    pub fn of(redis: Redis, inbox: Inbox) -> Self {
        Self { redis, inbox }
    }

    /// Hears until it is told to stop. Only one process of many hears: a message is one message.
    pub async fn run(self, mut stopping: watch::Receiver<bool>) {
        let mut waits = waits();
        let lease = self.inbox.bus().lease(self.inbox.service(), 0, "listen/redis-channels");
        let mut lease = match lease {
            Ok(lease) => lease,
            Err(failure) => return tracing::error!(%failure, "channels cannot be heard"),
        };
        while !*stopping.borrow() {
            let wait = if lease.has().unwrap_or(false) {
                match self.hear(&mut lease, &mut stopping).await {
                    Ok(()) => {
                        waits = self::waits();
                        continue;
                    }
                    Err(error) => {
                        let why = self.redis.publish_error(&error);
                        tracing::warn!(%why, "the channels are not heard now");
                        waits.next().unwrap_or(PING_TIMEOUT)
                    }
                }
            } else {
                LEASE_POLL_INTERVAL
            };
            let _ = tokio::time::timeout(wait, stopping.wait_for(|told| *told)).await;
        }
    }

    async fn hear(
        &self,
        lease: &mut earmark_kernel::Lease,
        stopping: &mut watch::Receiver<bool>,
    ) -> Result<(), RedisError> {
        let (mut sink, heard) = self.redis.hearing().await?.split();
        let channels: Vec<&str> =
            self.inbox.bindings().iter().map(|it| it.channel.as_str()).collect();
        sink.subscribe(channels).await?;
        tracing::info!(redis = %self.redis, "channels are heard");
        let mut heard = heard.ready_chunks(READ_MESSAGES_MAX);
        let (stop, patience) = (stopping.clone(), PING_INTERVAL.min(LEASE_POLL_INTERVAL));
        while lease.has().unwrap_or(false) {
            let next = tokio::select! {
                next = tokio::time::timeout(patience, heard.next()) => next,
                _ = stopping.wait_for(|told| *told) => return Ok(()),
            };
            match next {
                Ok(Some(messages)) => {
                    let messages = messages.iter().filter_map(|it| self.incoming(it)).collect();
                    self.inbox.take(messages, &stop).await;
                }
                Ok(None) => return Err(gone()),
                Err(_) => {
                    let pong =
                        tokio::time::timeout(PING_TIMEOUT, sink.ping::<redis::Value>()).await;
                    pong.map_err(|_| gone())??;
                }
            }
        }
        Ok(())
    }

    fn incoming(&self, message: &redis::Msg) -> Option<Incoming> {
        let channel = message.get_channel_name();
        let binding = self.inbox.bindings().iter().position(|it| it.channel == channel)?;
        // It comes once; the id is for tries of our own.
        let id = format!("redis/{channel}/{}", self.inbox.bus().new_id());
        Some(Incoming { binding, id, body: message.get_payload_bytes().to_vec(), poison: None })
    }
}

fn gone() -> RedisError {
    (redis::ErrorKind::Io, "the connection is gone").into()
}
