//! Messages in over Redis Streams: a consumer group shares them, and each is acknowledged after the
//! commit of what it asked for.

use std::time::Duration;

use earmark_kernel::Bus;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamAutoClaimReply, StreamId, StreamPendingCountReply, StreamReadReply};
use redis::{FromRedisValue, RedisResult, Value, cmd};
use tokio::sync::watch;

use super::connection::Redis;
use crate::inbox::{Inbox, Incoming, Outcome, waits};

/// So many entries are read, or taken over, at a time.
const READ_MESSAGES_MAX: usize = 256;
/// A read waits so long for something new, in milliseconds; then it is looked round.
const BLOCK_MS: u64 = 500;
/// A command on the reading connection waits so long.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(6);
/// An entry that was delivered so often, and never came to an end, is set aside.
const DELIVERED_MAX: usize = 10;

/// A member of the consumer group that reads streams.
pub struct Group {
    redis: Redis,
    inbox: Inbox,
    name: String,
    consumer: String,
    claims_after: Duration,
}

impl Group {
    /// A new member of the group `name`. It takes over what another member was given and has not
    /// acknowledged for so long.
    #[must_use]
    pub fn of(redis: Redis, inbox: Inbox, name: &str, claims_after: Duration) -> Self {
        let consumer = format!("earmark-{}", consumer_id(inbox.bus()));
        Self { redis, inbox, name: name.to_owned(), consumer, claims_after }
    }

    /// Reads until it is told to stop; what it has then is brought to its end.
    pub async fn run(self, mut stopping: watch::Receiver<bool>) {
        let mut waits = waits();
        while !*stopping.borrow() {
            let mut has_read = false;
            let ended = self.read(&stopping, &mut has_read).await;
            if has_read {
                waits = self::waits();
            }
            match ended {
                Ok(()) => {}
                Err(error) => {
                    let why = self.redis.publish_error(&error);
                    tracing::warn!(%why, "the streams are not read now");
                    let wait = waits.next().unwrap_or(RESPONSE_TIMEOUT);
                    let _ = tokio::time::timeout(wait, stopping.wait_for(|told| *told)).await;
                }
            }
        }
    }

    async fn read(&self, stopping: &watch::Receiver<bool>, has_read: &mut bool) -> RedisResult<()> {
        let mut connection = self.redis.connect(Some(RESPONSE_TIMEOUT)).await?;
        self.found(&mut connection).await?;
        // What was on its way to us when the last connection broke.
        self.read_on(&mut connection, "0", stopping).await?;
        let looks_every = (self.claims_after / 2).max(Duration::from_millis(BLOCK_MS));
        let rounds = looks_every.as_millis() / u128::from(BLOCK_MS);
        let mut round = 0;
        while !*stopping.borrow() {
            if round == 0 {
                self.take_over(&mut connection, stopping).await?;
            }
            let came = self.read_on(&mut connection, ">", stopping).await?;
            // A round that waited for nothing has its full length.
            round = if came == 0 { (round + 1) % rounds.max(1) } else { round.max(1) };
            *has_read = true;
        }
        self.leave(&mut connection).await
    }

    /// Makes the group where it is not; it begins with what is there.
    async fn found(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        for binding in self.inbox.bindings() {
            let mut create = cmd("XGROUP");
            create.arg("CREATE").arg(&binding.channel).arg(&self.name).arg("0").arg("MKSTREAM");
            match create.query_async::<()>(connection).await {
                Err(error) if error.code() != Some("BUSYGROUP") => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads what is new (`>`), or what we were given and have not acknowledged (`0`); says how
    /// much.
    async fn read_on(
        &self,
        connection: &mut MultiplexedConnection,
        from: &str,
        stopping: &watch::Receiver<bool>,
    ) -> RedisResult<usize> {
        let bindings = self.inbox.bindings();
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(&self.name).arg(&self.consumer).arg("COUNT").arg(READ_MESSAGES_MAX);
        read.arg("BLOCK").arg(BLOCK_MS).arg("STREAMS");
        let channels: Vec<&str> = bindings.iter().map(|it| it.channel.as_str()).collect();
        read.arg(&channels).arg(vec![from; channels.len()]);
        let read: Option<StreamReadReply> = read.query_async(connection).await?;
        let mut entries = Vec::new();
        for stream in read.map(|it| it.keys).unwrap_or_default() {
            let binding = bindings.iter().position(|it| it.channel == stream.key);
            entries.extend(stream.ids.into_iter().filter_map(|it| Some((binding?, it, 1))));
        }
        let came = entries.len();
        self.take(connection, entries, stopping).await?;
        Ok(came)
    }

    /// Takes over what members were given that are not there any more.
    async fn take_over(
        &self,
        connection: &mut MultiplexedConnection,
        stopping: &watch::Receiver<bool>,
    ) -> RedisResult<()> {
        let idle_ms = u64::try_from(self.claims_after.as_millis()).unwrap_or(u64::MAX);
        for (binding, it) in self.inbox.bindings().iter().enumerate() {
            let mut from = "0-0".to_owned();
            loop {
                let mut claim = cmd("XAUTOCLAIM");
                claim.arg(&it.channel).arg(&self.name).arg(&self.consumer).arg(idle_ms);
                claim.arg(&from).arg("COUNT").arg(READ_MESSAGES_MAX);
                let claimed: StreamAutoClaimReply = claim.query_async(connection).await?;
                let delivered = self.delivered(connection, &it.channel, &claimed.claimed).await?;
                let entries = claimed.claimed.into_iter().zip(delivered);
                let entries = entries.map(|(entry, times)| (binding, entry, times)).collect();
                self.take(connection, entries, stopping).await?;
                if claimed.next_stream_id == "0-0" {
                    break;
                }
                from = claimed.next_stream_id;
            }
        }
        Ok(())
    }

    /// How often each of these entries was delivered.
    async fn delivered(
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
            .arg(&self.name)
            .arg(&first.id)
            .arg(&last.id)
            .arg(2 * READ_MESSAGES_MAX);
        pending.arg(&self.consumer);
        let pending: StreamPendingCountReply = pending.query_async(connection).await?;
        let times = |id: &str| pending.ids.iter().find(|it| it.id == id);
        Ok(entries.iter().map(|it| times(&it.id).map_or(1, |it| it.times_delivered)).collect())
    }

    /// Has entries done, then acknowledges those that came to an end.
    async fn take(
        &self,
        connection: &mut MultiplexedConnection,
        entries: Vec<(usize, StreamId, usize)>,
        stopping: &watch::Receiver<bool>,
    ) -> RedisResult<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let places: Vec<(usize, String)> =
            entries.iter().map(|(binding, entry, _)| (*binding, entry.id.clone())).collect();
        let messages = entries.into_iter().map(|it| self.incoming(it)).collect();
        let outcomes = self.inbox.take(messages, stopping).await;
        let mut all = redis::pipe();
        for ((binding, id), outcome) in places.iter().zip(outcomes) {
            if outcome != Outcome::Left {
                let channel = &self.inbox.bindings()[*binding].channel;
                all.cmd("XACK").arg(channel).arg(&self.name).arg(id).ignore();
            }
        }
        if all.is_empty() {
            return Ok(());
        }
        all.query_async(connection).await
    }

    fn incoming(&self, (binding, entry, times): (usize, StreamId, usize)) -> Incoming {
        let channel = &self.inbox.bindings()[binding].channel;
        let bytes = |value: &Value| Vec::<u8>::from_redis_value_ref(value).unwrap_or_default();
        let is_one = entry.map.len() == 1;
        let body = entry.map.values().next().filter(|_| is_one).map(bytes);
        let poison = match &body {
            None => Some(format!("an entry has one field, this one has {}", entry.map.len())),
            Some(_) if times > DELIVERED_MAX => {
                Some(format!("it was delivered {times} times and never came to an end"))
            }
            Some(_) => None,
        };
        let shown = || format!("{:?}", entry.map).into_bytes();
        let (id, body) = (format!("redis/{channel}/{}", entry.id), body.unwrap_or_else(shown));
        Incoming { binding, id, body, poison }
    }

    /// Leaves the group. A member that was given something stays until it is taken over.
    async fn leave(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        for binding in self.inbox.bindings() {
            let mut pending = cmd("XPENDING");
            pending.arg(&binding.channel).arg(&self.name).arg("-").arg("+").arg(1);
            let pending: StreamPendingCountReply =
                pending.arg(&self.consumer).query_async(connection).await?;
            if pending.ids.is_empty() {
                let mut leave = cmd("XGROUP");
                leave.arg("DELCONSUMER").arg(&binding.channel).arg(&self.name).arg(&self.consumer);
                leave.query_async::<()>(connection).await?;
            }
        }
        Ok(())
    }
}

/// No two members have the same name, also not one after the other.
fn consumer_id(bus: &Bus) -> String {
    bus.new_id().to_string()
}
