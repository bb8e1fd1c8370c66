//! What the suite needs of a publisher, and the publishers there are.

use earmark_kernel::{PublicRecord, Publisher, Source};
use serde_json::value::RawValue;

/// A publisher with its server, as a consumer and as an operator see it.
pub trait Subject {
    /// A new connection to the same server, as another process has it.
    fn publisher(&self) -> Box<dyn Publisher>;
    /// Everything that a consumer has been given by now, waiting for so many.
    fn seen(&mut self, at_least: usize) -> Vec<String>;
    /// Whether it can tell how far it has a source.
    fn keeps(&self) -> bool;
    /// The server dies, and does not come back yet.
    fn kill(&mut self);
    /// It comes back with what it last saved, if anything.
    fn come_back(&mut self);
    /// It saves what it has, if it saves anything.
    fn save(&mut self);
}

/// Every publisher: a row each.
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

/// Events of that source: every second number is public.
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

/// What consumers are given for events.
pub fn bytes(events: &[PublicRecord]) -> Vec<String> {
    events.iter().map(PublicRecord::cloud_event).collect()
}
