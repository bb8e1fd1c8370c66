//! Consumes messages over Redis Pub/Sub in one process; messages without a subscriber are lost.

use std::time::Duration;

use futures_util::StreamExt;
use redis::RedisError;
use tokio::sync::watch;

use super::connection::Redis;
use crate::inbox::{Inbox, Incoming, retry_delays};

/// Messages per batch.
const READ_MESSAGES_MAX: usize = 256;
/// The interval between pings on an idle connection.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// The longest wait for a response to a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// The interval at which a process without the lease tries to acquire it.
const LEASE_POLL_INTERVAL: Duration = Duration::from_secs(2);

/// A consumer of the channels of a server.
pub struct ChannelConsumer {
    redis: Redis,
    inbox: Inbox,
}

impl ChannelConsumer {
    /// Passes the messages of an inbox's bindings to that inbox.
    #[must_use]
    pub fn of(redis: Redis, inbox: Inbox) -> Self {
        Self { redis, inbox }
    }

    /// Consumes until `stopping` is true. Only one process at a time consumes, so that a message is
    /// handled once.
    pub async fn run(self, mut stopping: watch::Receiver<bool>) {
        let mut delays = retry_delays();
        let lease = self.inbox.bus().lease(self.inbox.service(), 0, "listen/redis-channels");
        let mut lease = match lease {
            Ok(lease) => lease,
            Err(failure) => {
                return tracing::error!(%failure, "the lease on the channels cannot be read");
            }
        };
        while !*stopping.borrow() {
            let wait = if lease.has().unwrap_or(false) {
                match self.consume(&mut lease, &mut stopping).await {
                    Ok(()) => {
                        delays = retry_delays();
                        continue;
                    }
                    Err(error) => {
                        let why = self.redis.publish_error(&error);
                        tracing::warn!(%why, "the channels cannot be read; retrying");
                        delays.next().unwrap_or(PING_TIMEOUT)
                    }
                }
            } else {
                LEASE_POLL_INTERVAL
            };
            let _ = tokio::time::timeout(wait, stopping.wait_for(|is_stopping| *is_stopping)).await;
        }
    }

    async fn consume(
        &self,
        lease: &mut earmark_kernel::Lease,
        stopping: &mut watch::Receiver<bool>,
    ) -> Result<(), RedisError> {
        let (mut sink, stream) = self.redis.connect_pubsub().await?.split();
        let channels: Vec<&str> =
            self.inbox.bindings().iter().map(|it| it.channel.as_str()).collect();
        sink.subscribe(channels).await?;
        tracing::info!(redis = %self.redis, "subscribed to channels");
        let mut batches = stream.ready_chunks(READ_MESSAGES_MAX);
        let (stop, timeout) = (stopping.clone(), PING_INTERVAL.min(LEASE_POLL_INTERVAL));
        while lease.has().unwrap_or(false) {
            let next = tokio::select! {
                next = tokio::time::timeout(timeout, batches.next()) => next,
                _ = stopping.wait_for(|is_stopping| *is_stopping) => return Ok(()),
            };
            match next {
                Ok(Some(messages)) => {
                    let messages = messages.iter().filter_map(|it| self.incoming(it)).collect();
                    self.inbox.handle(messages, &stop).await;
                }
                Ok(None) => return Err(closed()),
                Err(_) => {
                    let pong =
                        tokio::time::timeout(PING_TIMEOUT, sink.ping::<redis::Value>()).await;
                    pong.map_err(|_| closed())??;
                }
            }
        }
        Ok(())
    }

    fn incoming(&self, message: &redis::Msg) -> Option<Incoming> {
        let channel = message.get_channel_name();
        let binding = self.inbox.bindings().iter().position(|it| it.channel == channel)?;
        // The broker delivers it once; the id makes our own retries idempotent.
        let id = format!("redis/{channel}/{}", self.inbox.bus().new_id());
        Some(Incoming { binding, id, body: message.get_payload_bytes().to_vec(), poison: None })
    }
}

fn closed() -> RedisError {
    (redis::ErrorKind::Io, "the connection was closed").into()
}
