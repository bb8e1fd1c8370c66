//! Events out over Redis Streams: a stream for each source, its entries numbered as the log is.

use std::collections::HashMap;

use earmark_kernel::{Position, PublicRecord, PublishError, Publisher, Publishing, Source};
use redis::{FromRedisValue, RedisResult, Value};

use super::connection::{Line, Redis};

/// The one field of an entry: the event in JSON.
pub const FIELD: &str = "event";
/// A group that is made and taken away again where a stream has to be there and empty.
const NOBODY: &str = "earmark-nobody";

/// Appends every public event to the stream `{prefix}.{service}.{partition}`, under the id
/// `{sequence}-0`: what comes again Redis refuses by itself, and what it last took it can tell.
pub struct Streams {
    line: Line,
    prefix: String,
    keeps: u64,
}

impl Streams {
    /// Streams that keep about so many of the latest events each; 0 keeps them all.
    #[must_use]
    pub fn of(redis: Redis, prefix: &str, keeps: u64) -> Self {
        Self { line: Line::to(redis), prefix: prefix.to_owned(), keeps }
    }

    fn key(&self, source: &Source) -> String {
        format!("{}.{}.{}", self.prefix, source.service, source.partition)
    }

    async fn find_position(&self, source: &Source) -> Result<Position, PublishError> {
        let mut connection = self.line.reopen().await?;
        let key = self.key(source);
        let asked: RedisResult<HashMap<String, Value>> =
            redis::cmd("XINFO").arg("STREAM").arg(&key).query_async(&mut connection).await;
        let told = match asked {
            Ok(told) => told,
            Err(error) if error.to_string().contains("no such key") => {
                let mut make = redis::pipe();
                let group = |verb| redis::cmd("XGROUP").arg(verb).arg(&key).arg(NOBODY).clone();
                make.add_command(group("CREATE").arg("$").arg("MKSTREAM").clone()).ignore();
                make.add_command(group("DESTROY")).ignore();
                let made: RedisResult<()> = make.query_async(&mut connection).await;
                if let Err(error) = made {
                    return Err(self.line.broke(&error).await);
                }
                return Ok(Position::Empty { keeps: self.room() });
            }
            Err(error) => return Err(self.line.broke(&error).await),
        };
        self.read_place(source, &key, &told)
    }

    fn read_place(
        &self,
        source: &Source,
        key: &str,
        told: &HashMap<String, Value>,
    ) -> Result<Position, PublishError> {
        let text = |value: &Value| String::from_redis_value_ref(value).ok();
        let last = told.get("last-generated-id").and_then(text).unwrap_or_default();
        let foreign = || {
            PublishError::Blocked(format!(
                "the stream {key} has entries that this log did not write: name another prefix, or \
                 delete the stream"
            ))
        };
        let sequence = match last.split_once('-') {
            Some((sequence, "0")) => sequence.parse::<u64>().map_err(|_| foreign())?,
            _ => return Err(foreign()),
        };
        if sequence == 0 {
            return Ok(Position::Empty { keeps: self.room() });
        }
        // Whose numbers they are only an entry can tell.
        if let Some(Value::Array(entry)) = told.get("last-entry") {
            let id = format!("\"id\":\"{}-{}-", source.log_id, source.partition);
            let fields = entry.get(1).map(HashMap::<String, String>::from_redis_value_ref);
            let event = fields.and_then(Result::ok).and_then(|mut it| it.remove(FIELD));
            if !event.is_some_and(|event| event.contains(&id)) {
                return Err(foreign());
            }
        }
        Ok(Position::Through(sequence))
    }

    fn room(&self) -> u64 {
        if self.keeps == 0 { u64::MAX } else { self.keeps }
    }

    async fn append(&self, source: &Source, events: &[PublicRecord]) -> Result<(), PublishError> {
        let mut connection = self.line.connection().await?;
        let key = self.key(source);
        // All or none: were one left out and the next one taken, its position would say it was there.
        let mut all = redis::pipe();
        all.atomic();
        for event in events {
            let mut add = redis::cmd("XADD");
            // A stream that is gone must not come back with a hole: the position is asked first.
            add.arg(&key).arg("NOMKSTREAM");
            if self.keeps > 0 {
                add.arg("MAXLEN").arg("~").arg(self.keeps);
            }
            add.arg(format!("{}-0", event.sequence)).arg(FIELD).arg(event.cloud_event());
            all.add_command(add);
        }
        let added: RedisResult<Vec<Option<String>>> = all.query_async(&mut connection).await;
        match added {
            Ok(ids) if ids.iter().all(Option::is_some) && ids.len() == events.len() => Ok(()),
            Ok(_) => Err(PublishError::Unavailable(format!("the stream {key} is gone"))),
            Err(error) => Err(self.line.broke(&error).await),
        }
    }
}

impl Publisher for Streams {
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
