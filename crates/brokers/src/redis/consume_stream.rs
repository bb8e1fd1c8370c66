//! Consumes messages over Redis Streams: a consumer group shares them, and each is acknowledged
//! after the commit of its command.

use std::time::Duration;

use earmark_kernel::Bus;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamAutoClaimReply, StreamId, StreamPendingCountReply, StreamReadReply};
use redis::{FromRedisValue, RedisResult, Value, cmd};
use tokio::sync::watch;

use super::connection::Redis;
use crate::inbox::{Inbox, Incoming, Outcome, retry_delays};

/// Entries per batch, read or claimed.
const READ_MESSAGES_MAX: usize = 256;
/// The longest wait of a read for new entries, in milliseconds.
const BLOCK_MS: u64 = 500;
/// The longest wait for a response on the reading connection.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(6);
/// Deliveries after which an unacknowledged entry is parked.
const DELIVERIES_MAX: usize = 10;

/// A consumer of streams, as a member of a consumer group.
pub struct StreamConsumer {
    redis: Redis,
    inbox: Inbox,
    group: String,
    consumer: String,
    claim_after: Duration,
}

impl StreamConsumer {
    /// A new member of the group. It claims entries that another member has not acknowledged for
    /// `claim_after`.
    #[must_use]
    pub fn of(redis: Redis, inbox: Inbox, group: &str, claim_after: Duration) -> Self {
        let consumer = format!("earmark-{}", consumer_id(inbox.bus()));
        Self { redis, inbox, group: group.to_owned(), consumer, claim_after }
    }

    /// Consumes until `stopping` is true; handles the entries that it has read by then.
    pub async fn run(self, mut stopping: watch::Receiver<bool>) {
        let mut delays = retry_delays();
        while !*stopping.borrow() {
            let mut has_read = false;
            let result = self.consume(&stopping, &mut has_read).await;
            if has_read {
                delays = retry_delays();
            }
            match result {
                Ok(()) => {}
                Err(error) => {
                    let why = self.redis.publish_error(&error);
                    tracing::warn!(%why, "the streams cannot be read; retrying");
                    let wait = delays.next().unwrap_or(RESPONSE_TIMEOUT);
                    let _ =
                        tokio::time::timeout(wait, stopping.wait_for(|is_stopping| *is_stopping))
                            .await;
                }
            }
        }
    }

    async fn consume(
        &self,
        stopping: &watch::Receiver<bool>,
        has_read: &mut bool,
    ) -> RedisResult<()> {
        let mut connection = self.redis.connect(Some(RESPONSE_TIMEOUT)).await?;
        self.create_group(&mut connection).await?;
        // Entries that were delivered to this member over an earlier connection.
        self.read(&mut connection, "0", stopping).await?;
        let claim_interval = (self.claim_after / 2).max(Duration::from_millis(BLOCK_MS));
        let rounds = claim_interval.as_millis() / u128::from(BLOCK_MS);
        let mut round = 0;
        while !*stopping.borrow() {
            if round == 0 {
                self.claim(&mut connection, stopping).await?;
            }
            let count = self.read(&mut connection, ">", stopping).await?;
            // Only a round without entries takes the full `BLOCK_MS`, so only those count.
            round = if count == 0 { (round + 1) % rounds.max(1) } else { round.max(1) };
            *has_read = true;
        }
        self.leave(&mut connection).await
    }

    /// Creates a missing group; it begins with the first entry of the stream.
    async fn create_group(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        for binding in self.inbox.bindings() {
            let mut create = cmd("XGROUP");
            create.arg("CREATE").arg(&binding.channel).arg(&self.group).arg("0").arg("MKSTREAM");
            match create.query_async::<()>(connection).await {
                Err(error) if error.code() != Some("BUSYGROUP") => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads and handles new entries (`>`), or entries that were delivered to this member and not
    /// acknowledged (`0`). Returns their number.
    async fn read(
        &self,
        connection: &mut MultiplexedConnection,
        from: &str,
        stopping: &watch::Receiver<bool>,
    ) -> RedisResult<usize> {
        let bindings = self.inbox.bindings();
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(&self.group).arg(&self.consumer).arg("COUNT").arg(READ_MESSAGES_MAX);
        read.arg("BLOCK").arg(BLOCK_MS).arg("STREAMS");
        let channels: Vec<&str> = bindings.iter().map(|it| it.channel.as_str()).collect();
        read.arg(&channels).arg(vec![from; channels.len()]);
        let read: Option<StreamReadReply> = read.query_async(connection).await?;
        let mut entries = Vec::new();
        for stream in read.map(|it| it.keys).unwrap_or_default() {
            let binding = bindings.iter().position(|it| it.channel == stream.key);
            entries.extend(stream.ids.into_iter().filter_map(|it| Some((binding?, it, 1))));
        }
        let count = entries.len();
        self.handle(connection, entries, stopping).await?;
        Ok(count)
    }

    /// Claims and handles entries of members that no longer acknowledge them.
    async fn claim(
        &self,
        connection: &mut MultiplexedConnection,
        stopping: &watch::Receiver<bool>,
    ) -> RedisResult<()> {
        let idle_ms = u64::try_from(self.claim_after.as_millis()).unwrap_or(u64::MAX);
        for (binding, it) in self.inbox.bindings().iter().enumerate() {
            let mut from = "0-0".to_owned();
            loop {
                let mut claim = cmd("XAUTOCLAIM");
                claim.arg(&it.channel).arg(&self.group).arg(&self.consumer).arg(idle_ms);
                claim.arg(&from).arg("COUNT").arg(READ_MESSAGES_MAX);
                let claimed: StreamAutoClaimReply = claim.query_async(connection).await?;
                let counts = self.deliveries(connection, &it.channel, &claimed.claimed).await?;
                let entries = claimed.claimed.into_iter().zip(counts);
                let entries = entries.map(|(entry, count)| (binding, entry, count)).collect();
                self.handle(connection, entries, stopping).await?;
                if claimed.next_stream_id == "0-0" {
                    break;
                }
                from = claimed.next_stream_id;
            }
        }
        Ok(())
    }

    /// The number of deliveries of each of these entries.
    async fn deliveries(
        &self,
        connection: &mut MultiplexedConnection,
        channel: &str,
        entries: &[StreamId],
    ) -> RedisResult<Vec<usize>> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return Ok(Vec::new());
        };
        let mut pending = cmd("XPENDING");
        pending
            .arg(channel)
            .arg(&self.group)
            .arg(&first.id)
            .arg(&last.id)
            .arg(2 * READ_MESSAGES_MAX);
        pending.arg(&self.consumer);
        let pending: StreamPendingCountReply = pending.query_async(connection).await?;
        let find = |id: &str| pending.ids.iter().find(|it| it.id == id);
        Ok(entries.iter().map(|it| find(&it.id).map_or(1, |it| it.times_delivered)).collect())
    }

    /// Handles entries, then acknowledges those that were decided or parked.
    async fn handle(
        &self,
        connection: &mut MultiplexedConnection,
        entries: Vec<(usize, StreamId, usize)>,
        stopping: &watch::Receiver<bool>,
    ) -> RedisResult<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let ids: Vec<(usize, String)> =
            entries.iter().map(|(binding, entry, _)| (*binding, entry.id.clone())).collect();
        let messages = entries.into_iter().map(|it| self.incoming(it)).collect();
        let outcomes = self.inbox.handle(messages, stopping).await;
        let mut acknowledge = redis::pipe();
        for ((binding, id), outcome) in ids.iter().zip(outcomes) {
            if outcome != Outcome::Redeliver {
                let channel = &self.inbox.bindings()[*binding].channel;
                acknowledge.cmd("XACK").arg(channel).arg(&self.group).arg(id).ignore();
            }
        }
        if acknowledge.is_empty() {
            return Ok(());
        }
        acknowledge.query_async(connection).await
    }

    fn incoming(&self, (binding, entry, deliveries): (usize, StreamId, usize)) -> Incoming {
        let channel = &self.inbox.bindings()[binding].channel;
        let bytes = |value: &Value| Vec::<u8>::from_redis_value_ref(value).unwrap_or_default();
        let is_one = entry.map.len() == 1;
        let body = entry.map.values().next().filter(|_| is_one).map(bytes);
        let poison = match &body {
            None => Some(format!("the entry has {} fields instead of one", entry.map.len())),
            Some(_) if deliveries > DELIVERIES_MAX => {
                Some(format!("delivered {deliveries} times without being acknowledged"))
            }
            Some(_) => None,
        };
        let debug = || format!("{:?}", entry.map).into_bytes();
        let (id, body) = (format!("redis/{channel}/{}", entry.id), body.unwrap_or_else(debug));
        Incoming { binding, id, body, poison }
    }

    /// Leaves the group. A member with unacknowledged entries stays until they are claimed.
    async fn leave(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        for binding in self.inbox.bindings() {
            let mut pending = cmd("XPENDING");
            pending.arg(&binding.channel).arg(&self.group).arg("-").arg("+").arg(1);
            let pending: StreamPendingCountReply =
                pending.arg(&self.consumer).query_async(connection).await?;
            if pending.ids.is_empty() {
                let mut leave = cmd("XGROUP");
                leave.arg("DELCONSUMER").arg(&binding.channel).arg(&self.group).arg(&self.consumer);
                leave.query_async::<()>(connection).await?;
            }
        }
        Ok(())
    }
}

/// A consumer name is never used twice.
fn consumer_id(bus: &Bus) -> String {
    bus.new_id().to_string()
}
