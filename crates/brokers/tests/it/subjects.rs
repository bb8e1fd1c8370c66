//! What the suite needs from a publisher, and all publishers.

use earmark_kernel::{PublicRecord, Publisher, Source};
use serde_json::value::RawValue;

/// A publisher with its server, as seen by a consumer and an operator.
pub trait Subject {
    /// A new connection to the same server, like that of another process.
    fn publisher(&self) -> Box<dyn Publisher>;
    /// Everything that a consumer has received; waits for at least this number.
    fn received(&mut self, at_least: usize) -> Vec<String>;
    /// Whether it stores events and reports its position.
    fn is_durable(&self) -> bool;
    /// Kills the server.
    fn kill(&mut self);
    /// Restarts the server with the data that it last saved, if any.
    fn restart(&mut self);
    /// Makes the server save its data, if it saves any.
    fn save(&mut self);
}

/// Every publisher, one row each.
pub fn all() -> Vec<(&'static str, Box<dyn Subject>)> {
    vec![
        ("redis-streams", Box::new(super::redis::Streaming::start())),
        ("redis-channels", Box::new(super::redis::Publishing::start())),
    ]
}

/// The first partition of a source.
pub fn source() -> Source {
    Source { service: "tally", partition: 0, log_id: "log-a".into() }
}

/// Events of that source; every second number is public.
pub fn events(numbers: std::ops::RangeInclusive<u64>) -> Vec<PublicRecord> {
    let event = |number: u64| PublicRecord {
        specversion: "1.0".into(),
        id: format!("log-a-0-{}", 2 * number),
        source: "/tally/0".into(),
        name: "tally.counted".into(),
        at_ms: 1_000,
        partitionkey: "a".into(),
        sequence: 2 * number,
        previous: 2 * (number - 1),
        causationid: "c".into(),
        correlationid: "c".into(),
        data: RawValue::from_string(format!(r#"{{"name":"ä","by":{number}}}"#)).unwrap(),
    };
    numbers.map(event).collect()
}

/// The texts that consumers receive for these events.
pub fn bytes(events: &[PublicRecord]) -> Vec<String> {
    events.iter().map(PublicRecord::cloud_event).collect()
}
