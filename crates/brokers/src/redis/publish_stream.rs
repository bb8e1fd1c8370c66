//! Publishes events over Redis Streams: one stream per source, with the log's numbers as entry ids.

use std::collections::HashMap;

use earmark_kernel::{Position, PublicRecord, PublishError, Publisher, Publishing, Source};
use redis::{FromRedisValue, RedisResult, Value};

use super::connection::{PublisherConnection, Redis};

/// The only field of an entry: the event in JSON.
pub const FIELD: &str = "event";
/// A consumer group that is created and deleted again to create an empty stream.
const TEMPORARY_GROUP: &str = "earmark-nobody";

/// Appends every public event to the stream `{prefix}.{service}.{partition}`, under the id
/// `{sequence}-0`. So Redis refuses duplicates, and can report the last event that it has.
pub struct StreamPublisher {
    connection: PublisherConnection,
    prefix: String,
    events_max: u64,
}

impl StreamPublisher {
    /// A publisher to streams that keep about `events_max` of the latest events each; 0 keeps all.
    #[must_use]
    pub fn of(redis: Redis, prefix: &str, events_max: u64) -> Self {
        Self { connection: PublisherConnection::to(redis), prefix: prefix.to_owned(), events_max }
    }

    fn key(&self, source: &Source) -> String {
        format!("{}.{}.{}", self.prefix, source.service, source.partition)
    }

    async fn find_position(&self, source: &Source) -> Result<Position, PublishError> {
        let mut connection = self.connection.reopen().await?;
        let key = self.key(source);
        let info: RedisResult<HashMap<String, Value>> =
            redis::cmd("XINFO").arg("STREAM").arg(&key).query_async(&mut connection).await;
        let info = match info {
            Ok(info) => info,
            Err(error) if error.to_string().contains("no such key") => {
                let mut create = redis::pipe();
                let group =
                    |verb| redis::cmd("XGROUP").arg(verb).arg(&key).arg(TEMPORARY_GROUP).clone();
                create.add_command(group("CREATE").arg("$").arg("MKSTREAM").clone()).ignore();
                create.add_command(group("DESTROY")).ignore();
                let created: RedisResult<()> = create.query_async(&mut connection).await;
                if let Err(error) = created {
                    return Err(self.connection.close(&error).await);
                }
                return Ok(Position::Empty { keeps: self.capacity() });
            }
            Err(error) => return Err(self.connection.close(&error).await),
        };
        self.read_position(source, &key, &info)
    }

    fn read_position(
        &self,
        source: &Source,
        key: &str,
        info: &HashMap<String, Value>,
    ) -> Result<Position, PublishError> {
        let text = |value: &Value| String::from_redis_value_ref(value).ok();
        let last = info.get("last-generated-id").and_then(text).unwrap_or_default();
        let foreign = || {
            PublishError::Blocked(format!(
                "the stream {key} has entries of another log: use another prefix, or delete the \
                 stream"
            ))
        };
        let sequence = match last.split_once('-') {
            Some((sequence, "0")) => sequence.parse::<u64>().map_err(|_| foreign())?,
            _ => return Err(foreign()),
        };
        if sequence == 0 {
            return Ok(Position::Empty { keeps: self.capacity() });
        }
        // Only an entry shows which log the numbers belong to.
        if let Some(Value::Array(entry)) = info.get("last-entry") {
            let id = format!("\"id\":\"{}-{}-", source.log_id, source.partition);
            let fields = entry.get(1).map(HashMap::<String, String>::from_redis_value_ref);
            let event = fields.and_then(Result::ok).and_then(|mut it| it.remove(FIELD));
            if !event.is_some_and(|event| event.contains(&id)) {
                return Err(foreign());
            }
        }
        Ok(Position::Through(sequence))
    }

    fn capacity(&self) -> u64 {
        if self.events_max == 0 { u64::MAX } else { self.events_max }
    }

    async fn append(&self, source: &Source, events: &[PublicRecord]) -> Result<(), PublishError> {
        let mut connection = self.connection.connection().await?;
        let key = self.key(source);
        // All or none: if one failed and the next succeeded, the position would include the missing
        // one.
        let mut all = redis::pipe();
        all.atomic();
        for event in events {
            let mut add = redis::cmd("XADD");
            // A deleted stream must not be created again with a gap: its position is read first.
            add.arg(&key).arg("NOMKSTREAM");
            if self.events_max > 0 {
                add.arg("MAXLEN").arg("~").arg(self.events_max);
            }
            add.arg(format!("{}-0", event.sequence)).arg(FIELD).arg(event.cloud_event());
            all.add_command(add);
        }
        let added: RedisResult<Vec<Option<String>>> = all.query_async(&mut connection).await;
        match added {
            Ok(ids) if ids.iter().all(Option::is_some) && ids.len() == events.len() => Ok(()),
            Ok(_) => Err(PublishError::Unavailable(format!("the stream {key} was deleted"))),
            Err(error) => Err(self.connection.close(&error).await),
        }
    }
}

impl Publisher for StreamPublisher {
    fn name(&self) -> &'static str {
        "redis-streams"
    }

    fn position<'a>(&'a self, source: &'a Source) -> Publishing<'a, Position> {
        Box::pin(self.find_position(source))
    }

    fn publish<'a>(&'a self, source: &'a Source, events: &'a [PublicRecord]) -> Publishing<'a, ()> {
        Box::pin(self.append(source, events))
    }
}
