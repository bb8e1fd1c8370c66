//! A public event as consumers read it: CloudEvents 1.0 with the log's number as `sequence`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A public event, as CloudEvents 1.0 (JSON format) has it, with three extension attributes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PublicRecord {
    /// Always `1.0`.
    pub specversion: String,
    /// Unique and stable: the log's id, the partition and the number.
    pub id: String,
    /// `/service/partition`.
    pub source: String,
    /// The event's wire name.
    #[serde(rename = "type")]
    pub name: String,
    /// When it was decided, milliseconds since the epoch; the edge writes it as RFC 3339.
    #[serde(rename = "time_ms")]
    pub at_ms: i64,
    /// The key of the aggregate.
    pub partitionkey: String,
    /// The event's number in its partition.
    pub sequence: u64,
    /// The number of the public event before it; 0 when it is the first. A consumer that has seen
    /// another last one has missed something.
    pub previous: u64,
    /// The id of the command that caused it.
    pub causationid: String,
    /// What it belongs to: what the first command of a chain said, or its id.
    pub correlationid: String,
    /// What happened.
    pub data: Box<RawValue>,
}

impl PublicRecord {
    /// The event as it is sent: CloudEvents 1.0 in its JSON format. The same event always gives the
    /// same bytes. `sequence` and `previous` are texts, for CloudEvents' own whole numbers end at
    /// 2^31.
    #[must_use]
    pub fn cloud_event(&self) -> String {
        let time = Timestamp::from_millisecond(self.at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
        let event = CloudEvent {
            specversion: &self.specversion,
            id: &self.id,
            source: &self.source,
            name: &self.name,
            time: time.to_string(),
            datacontenttype: "application/json",
            partitionkey: &self.partitionkey,
            sequence: self.sequence.to_string(),
            previous: self.previous.to_string(),
            causationid: &self.causationid,
            correlationid: &self.correlationid,
            data: &self.data,
        };
        serde_json::to_string(&event).expect("events are plain data")
    }
}

/// The attributes in the order in which they are written.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'a str,
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    name: &'a str,
    time: String,
    datacontenttype: &'static str,
    partitionkey: &'a str,
    sequence: String,
    previous: String,
    causationid: &'a str,
    correlationid: &'a str,
    data: &'a RawValue,
}
