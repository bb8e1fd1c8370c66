//! The format of events in the log: a group is written as one record and read back.

use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use crate::model::aggregate::EventBox;
use crate::model::kinds::{KindIndex, Kinds};
use crate::model::message::{Key, Meta};
use crate::ports::clock::UnixMillis;
use crate::ports::log::{Record, StoreError};

/// A record of the log together with its decoded events.
pub(crate) struct Committed {
    pub(crate) record: Record,
    pub(crate) events: Vec<CommittedEvent>,
}

/// One event of a record.
pub(crate) struct CommittedEvent {
    pub(crate) kind: KindIndex,
    pub(crate) key: Key,
    pub(crate) name: &'static str,
    pub(crate) at: UnixMillis,
    pub(crate) causation: Uuid,
    pub(crate) event: EventBox,
    /// The byte range of its envelope in the record's text.
    span: Range<usize>,
}

impl Committed {
    pub(crate) fn last_seq(&self) -> u64 {
        self.record.last_seq
    }

    /// The sequence number of the event at `index`.
    pub(crate) fn seq(&self, index: usize) -> u64 {
        self.record.first_seq + index as u64
    }

    /// The envelope of the event at `index`, as JSON.
    pub(crate) fn envelope(&self, index: usize) -> &str {
        &self.record.events[self.events[index].span.clone()]
    }

    /// A hash that tells this record from any other at the same position.
    pub(crate) fn digest(&self) -> String {
        digest(&self.record.events)
    }

    /// Each event with its sequence number.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u64, &CommittedEvent)> {
        (self.record.first_seq..).zip(&self.events)
    }

    /// Decodes a record.
    pub(crate) fn read(record: Record, kinds: &Kinds) -> Result<Self, StoreError> {
        let unreadable = |why: String| {
            StoreError(format!("the log record at {} cannot be read: {why}", record.first_seq))
        };
        let envelopes: Vec<&RawValue> =
            serde_json::from_str(&record.events).map_err(|e| unreadable(e.to_string()))?;
        let expected = record.last_seq.wrapping_sub(record.first_seq).wrapping_add(1);
        if envelopes.len() as u64 != expected {
            return Err(unreadable(format!("{} events, not {expected}", envelopes.len())));
        }
        let start = record.events.as_ptr() as usize;
        let mut events = Vec::with_capacity(envelopes.len());
        for raw in envelopes {
            let from = raw.get().as_ptr() as usize - start;
            let envelope = Envelope::parse(raw.get()).map_err(|e| unreadable(e.to_string()))?;
            let (kind, name, event) = kinds
                .decode(&envelope.aggregate, raw.get())
                .map_err(|e| unreadable(format!("{e} in {}", raw.get())))?;
            events.push(CommittedEvent {
                kind,
                key: Key::from(envelope.key.as_ref()),
                name,
                at: UnixMillis(envelope.at.unwrap_or(record.at_ms)),
                causation: envelope.causation,
                event,
                span: from..from + raw.get().len(),
            });
        }
        Ok(Self { record, events })
    }
}

/// A hash of a record's text.
pub(crate) fn digest(text: &str) -> String {
    format!("{:032x}", xxh3_128(text.as_bytes()))
}

/// The envelope of an event, without its `type` and `data`.
#[derive(Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(rename = "of", borrow)]
    pub(crate) aggregate: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) key: std::borrow::Cow<'a, str>,
    pub(crate) causation: Uuid,
    /// The correlation id, if it is not the id of the causing command.
    #[serde(borrow)]
    pub(crate) correlation: Option<std::borrow::Cow<'a, str>>,
    /// When the command was decided, if that differs from the record's time.
    pub(crate) at: Option<i64>,
}

impl<'a> Envelope<'a> {
    pub(crate) fn parse(json: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }
}

/// The maximum buffer capacity, in bytes of text and in events, that is kept for the next group.
const BUFFER_BYTES_MAX: usize = 4 * 1024 * 1024;
const BUFFER_EVENTS_MAX: usize = 16_384;

/// The group that is being decided: the text of its record, and its events. Its buffers are reused
/// for the next group; the finished record is copied to its exact size.
pub(crate) struct Group {
    pub(crate) at: UnixMillis,
    text: Vec<u8>,
    pub(crate) events: Vec<CommittedEvent>,
}

/// The metadata of the events that one command records.
pub(crate) struct Author<'a> {
    pub(crate) kind: KindIndex,
    pub(crate) aggregate: &'static str,
    pub(crate) key: &'a Key,
    pub(crate) meta: &'a Meta,
    pub(crate) at: UnixMillis,
}

impl Group {
    pub(crate) fn new(at: UnixMillis) -> Self {
        Self { at, text: Vec::new(), events: Vec::new() }
    }

    pub(crate) fn push(&mut self, author: &Author<'_>, name: &'static str, event: EventBox) {
        self.text.push(if self.events.is_empty() { b'[' } else { b',' });
        let start = self.text.len();
        write_envelope(&mut self.text, author, &event, self.at);
        self.events.push(CommittedEvent {
            kind: author.kind,
            key: author.key.clone(),
            name,
            at: author.at,
            causation: author.meta.command_id,
            event,
            span: start..self.text.len(),
        });
    }

    /// Turns the group into a record that begins at `first_seq`, and leaves an empty group with the
    /// same time.
    pub(crate) fn finish(&mut self, first_seq: u64) -> Committed {
        self.text.push(b']');
        let text = std::str::from_utf8(&self.text).expect("serde_json writes UTF-8").to_owned();
        let last_seq = first_seq + self.events.len() as u64 - 1;
        let record = Record { first_seq, last_seq, at_ms: self.at.0, events: text };
        let events = self.events.drain(..).collect();
        self.text.clear();
        self.text.shrink_to(BUFFER_BYTES_MAX);
        self.events.shrink_to(BUFFER_EVENTS_MAX);
        Committed { record, events }
    }
}

/// Writes `{"type":…,"data":…,"of":…,"key":…,"causation":…}`.
fn write_envelope(
    text: &mut Vec<u8>,
    author: &Author<'_>,
    event: &EventBox,
    record_at: UnixMillis,
) {
    let serialized = "plain data always serializes";
    event.write_json(text).expect(serialized);
    assert_eq!(text.pop(), Some(b'}'), "an event serializes as an object");
    text.extend_from_slice(br#","of":""#);
    text.extend_from_slice(author.aggregate.as_bytes());
    text.extend_from_slice(br#"","key":"#);
    serde_json::to_writer(&mut *text, author.key.as_str()).expect(serialized);
    text.extend_from_slice(br#","causation":""#);
    let mut hyphenated = [0; uuid::fmt::Hyphenated::LENGTH];
    let causation = author.meta.command_id.hyphenated().encode_lower(&mut hyphenated);
    text.extend_from_slice(causation.as_bytes());
    text.push(b'"');
    if let Some(correlation) = &author.meta.correlation {
        text.extend_from_slice(br#","correlation":"#);
        serde_json::to_writer(&mut *text, correlation.as_str()).expect(serialized);
    }
    if author.at != record_at {
        text.extend_from_slice(format!(r#","at":{}"#, author.at.0).as_bytes());
    }
    text.push(b'}');
}
