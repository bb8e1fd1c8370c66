//! Publishes events over Redis Pub/Sub: present subscribers receive them, and Redis stores nothing.

use std::collections::BTreeMap;

use earmark_kernel::{Position, PublicRecord, PublishError, Publisher, Publishing, Source};
use redis::RedisResult;
use serde_json::value::RawValue;

use super::connection::{PublisherConnection, Redis};

/// An event that is also published on a separate channel in flat JSON: some fields of its data, in
/// this order.
#[derive(Clone, Debug)]
pub struct FlatJson {
    /// The event's wire name.
    pub event: &'static str,
    /// The separate channel.
    pub channel: String,
    /// The fields.
    pub fields: &'static [&'static str],
}

/// Publishes every public event as a CloudEvent on the channel `{prefix}.{service}.{partition}`,
/// and some in flat JSON on separate channels.
pub struct ChannelPublisher {
    connection: PublisherConnection,
    prefix: String,
    flat: Vec<FlatJson>,
}

impl ChannelPublisher {
    /// A publisher to the channels of a server.
    #[must_use]
    pub fn of(redis: Redis, prefix: &str, flat: Vec<FlatJson>) -> Self {
        Self { connection: PublisherConnection::to(redis), prefix: prefix.to_owned(), flat }
    }

    async fn send(&self, source: &Source, events: &[PublicRecord]) -> Result<(), PublishError> {
        let mut connection = self.connection.connection().await?;
        let channel = format!("{}.{}.{}", self.prefix, source.service, source.partition);
        let mut all = redis::pipe();
        for event in events {
            all.cmd("PUBLISH").arg(&channel).arg(event.cloud_event()).ignore();
            for flat in self.flat.iter().filter(|it| it.event == event.name) {
                all.cmd("PUBLISH").arg(&flat.channel).arg(fields(event, flat.fields)).ignore();
            }
        }
        let published: RedisResult<()> = all.query_async(&mut connection).await;
        match published {
            Ok(()) => Ok(()),
            Err(error) => Err(self.connection.close(&error).await),
        }
    }
}

/// Some fields of an event's data, in this order, as a JSON object.
fn fields(event: &PublicRecord, names: &[&str]) -> String {
    let data: Result<BTreeMap<&str, &RawValue>, _> = serde_json::from_str(event.data.get());
    let data = data.expect("the data of a public event is an object");
    let field = |name: &&str| {
        let value = data.get(name).map_or("null", |it| it.get());
        format!("\"{name}\": {value}")
    };
    format!("{{{}}}", names.iter().map(field).collect::<Vec<_>>().join(", "))
}

impl Publisher for ChannelPublisher {
    fn name(&self) -> &'static str {
        "redis-channels"
    }

    fn position<'a>(&'a self, _: &'a Source) -> Publishing<'a, Position> {
        Box::pin(async {
            self.connection.reopen().await?;
            Ok(Position::Unknown)
        })
    }

    fn publish<'a>(&'a self, source: &'a Source, events: &'a [PublicRecord]) -> Publishing<'a, ()> {
        Box::pin(self.send(source, events))
    }
}
