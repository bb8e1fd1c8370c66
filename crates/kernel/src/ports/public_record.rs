//! A public event as consumers read it: CloudEvents 1.0 with the log's sequence number.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A public event with the attributes of CloudEvents 1.0 and five extension attributes:
/// `partitionkey`, `sequence`, `previous`, `causationid` and `correlationid`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PublicRecord {
    /// Always `1.0`.
    pub specversion: String,
    /// Unique and stable: `<log id>-<partition>-<sequence number>`.
    pub id: String,
    /// `/service/partition`.
    pub source: String,
    /// The event's wire name.
    #[serde(rename = "type")]
    pub name: String,
    /// When the event was decided, in milliseconds since the Unix epoch, UTC. A CloudEvent carries
    /// it as `time` in RFC 3339.
    #[serde(rename = "time_ms")]
    pub at_ms: i64,
    /// The key of the aggregate.
    pub partitionkey: String,
    /// The event's sequence number in its partition.
    pub sequence: u64,
    /// The sequence number of the previous public event; 0 for the first. A consumer whose last
    /// event has another sequence number has missed events.
    pub previous: u64,
    /// The id of the command that caused it.
    pub causationid: String,
    /// The correlation id of the first command in the chain, or that command's id if it had none.
    pub correlationid: String,
    /// The payload.
    pub data: Box<RawValue>,
}

impl PublicRecord {
    /// The event in the JSON format of CloudEvents 1.0. The same event always gives the same bytes.
    /// `sequence` and `previous` are strings because integers in CloudEvents have 32 bits.
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
        serde_json::to_string(&event).expect("plain data always serializes")
    }
}

/// The attributes, in the order in which they are written.
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
