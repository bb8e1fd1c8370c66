//! What comes in by a broker: read once, within bounds, sent through the bus, or set aside.

use std::collections::BTreeMap;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use earmark_kernel::{Bus, Failure, Idempotency, Key, Meta, NotDone, Parked};
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::watch;

/// A message has at most so many bytes.
pub const BYTES_MAX: usize = 64 * 1024;
/// So much of a message that is too large is kept, in bytes.
const KEPT_OF_TOO_LARGE: usize = 1_024;
/// A name, a source or an id in an envelope has at most so many bytes.
const WORD_BYTES_MAX: usize = 256;
/// What could not be done is tried again after this, then after more.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(20);
/// The longest wait between two tries.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(2);

/// A channel or stream by which messages come in.
#[derive(Clone, Debug)]
pub struct Binding {
    /// The channel, or the key of the stream.
    pub channel: String,
    /// The wire name of what comes by it without an envelope.
    pub message: &'static str,
    /// The wire names that may stand in an envelope, beside that one.
    pub also: &'static [&'static str],
    /// Messages with the same text in one of these fields are done one after another.
    pub keys: &'static [&'static str],
}

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The place of its binding.
    pub binding: usize,
    /// What is known of it nowhere else: whoever sends it again gives it the same one.
    pub id: String,
    /// What came.
    pub body: Vec<u8>,
    /// Why it is not even looked at.
    pub poison: Option<String>,
}

/// What came of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was decided, and what was decided is kept.
    Decided,
    /// It was set aside with the reason.
    Parked,
    /// It was not decided and must come again: the process stops.
    Left,
}

/// Brings messages to the bus.
#[derive(Clone)]
pub struct Inbox {
    bus: Bus,
    service: &'static str,
    bindings: Vec<Binding>,
}

/// A message that was read.
struct Message {
    name: String,
    data: String,
    meta: Meta,
    /// Messages of one order_key are done in the order in which they came.
    order_key: String,
}

/// An envelope: a CloudEvent in JSON. What else stands in it is nothing to us, as its
/// specification has it.
#[derive(Deserialize)]
struct Envelope<'a> {
    specversion: String,
    id: String,
    source: String,
    #[serde(rename = "type")]
    name: String,
    #[serde(borrow)]
    data: &'a RawValue,
    partitionkey: Option<String>,
    correlationid: Option<String>,
}

impl Inbox {
    /// Brings what comes by these bindings to a bus; what cannot be read is parked in a service.
    #[must_use]
    pub fn new(bus: &Bus, service: &'static str, bindings: Vec<Binding>) -> Self {
        Self { bus: bus.clone(), service, bindings }
    }

    /// The bindings.
    #[must_use]
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    pub(crate) fn bus(&self) -> &Bus {
        &self.bus
    }

    pub(crate) fn service(&self) -> &'static str {
        self.service
    }

    /// Does what the messages ask for: those about one thing in their order, others at the same
    /// time. One that has to wait holds back only what is about the same thing.
    pub async fn take(
        &self,
        messages: Vec<Incoming>,
        stopping: &watch::Receiver<bool>,
    ) -> Vec<Outcome> {
        let mut outcomes = vec![Outcome::Left; messages.len()];
        let mut by_key: BTreeMap<String, Vec<(usize, usize, Read)>> = BTreeMap::new();
        for (place, incoming) in messages.into_iter().enumerate() {
            let binding = incoming.binding;
            let read = self.read(incoming);
            let order_key =
                read.as_ref().map_or_else(|_| format!("\0{place}"), |it| it.order_key.clone());
            by_key.entry(order_key).or_default().push((place, binding, read));
        }
        let works = by_key.into_values().map(|order_key| async {
            let mut done = Vec::with_capacity(order_key.len());
            for (place, binding, read) in order_key {
                let outcome = self.flush(binding, read, stopping.clone()).await;
                done.push((place, outcome));
                if outcome == Outcome::Left {
                    break;
                }
            }
            done
        });
        for (place, outcome) in join_all(works).await.into_iter().flatten() {
            outcomes[place] = outcome;
        }
        outcomes
    }

    /// Brings one message to its end.
    async fn flush(&self, binding: usize, read: Read, stopping: watch::Receiver<bool>) -> Outcome {
        let channel = self.bindings[binding].channel.clone();
        let (outcome, how) = match read {
            Ok(message) => self.send(message, stopping).await,
            Err(parked) => self.park(parked, stopping).await,
        };
        metrics::counter!("earmark_messages_total", "channel" => channel, "outcome" => how)
            .increment(1);
        outcome
    }

    async fn send(
        &self,
        message: Message,
        stopping: watch::Receiver<bool>,
    ) -> (Outcome, &'static str) {
        let mut waits = waits();
        loop {
            let Message { name, data, meta, .. } = &message;
            let failure = match self.bus.send_json(name, data, meta.clone()).await {
                Ok(reply) => match reply.ending {
                    Ok(_) => return (Outcome::Decided, "done"),
                    Err(NotDone::Refused(refused)) => {
                        tracing::warn!(message = name, data, "refused: {}", refused.text);
                        return (Outcome::Decided, "refused");
                    }
                    // The writer has parked it.
                    Err(NotDone::Failed(Failure::Broken { .. })) => {
                        return (Outcome::Parked, "parked");
                    }
                    Err(NotDone::Failed(failure)) => failure,
                    // Asking again under the same key tells, now or when the next process has it.
                    Err(NotDone::Unknown(why)) => Failure::Storage(why),
                },
                Err(failure) => failure,
            };
            match failure {
                Failure::NotServed(_) | Failure::Unreadable { .. } | Failure::KeyReused(_) => {
                    let parked = Parked {
                        message: message.name,
                        body: message.data,
                        reason: failure.to_string(),
                        idempotency: message.meta.idempotency,
                    };
                    return self.park(parked, stopping).await;
                }
                Failure::Stopping => return (Outcome::Left, "left"),
                _ if rest(&mut waits, &stopping).await => return (Outcome::Left, "left"),
                _ => {}
            }
        }
    }

    async fn park(
        &self,
        parked: Parked,
        stopping: watch::Receiver<bool>,
    ) -> (Outcome, &'static str) {
        tracing::warn!(message = parked.message, reason = parked.reason, "parked");
        let mut waits = waits();
        loop {
            match self.bus.park(self.service, parked.clone()).await {
                Ok(()) => return (Outcome::Parked, "parked"),
                Err(Failure::Stopping) => return (Outcome::Left, "left"),
                Err(_) if rest(&mut waits, &stopping).await => return (Outcome::Left, "left"),
                Err(_) => {}
            }
        }
    }

    /// Reads a message, or says why it cannot be read.
    fn read(&self, incoming: Incoming) -> Read {
        let binding = &self.bindings[incoming.binding];
        let own = Idempotency::of(&incoming.id, &incoming.body);
        let aside = |reason: String, body: &[u8]| Parked {
            message: binding.message.to_owned(),
            body: String::from_utf8_lossy(body).into_owned(),
            reason,
            idempotency: Some(own.clone()),
        };
        let body = &incoming.body[..];
        if body.len() > BYTES_MAX {
            let reason = format!("{} bytes are more than {BYTES_MAX}; cut off", body.len());
            return Err(aside(reason, &body[..KEPT_OF_TOO_LARGE]));
        }
        if let Some(reason) = incoming.poison {
            return Err(aside(reason, body));
        }
        let text = std::str::from_utf8(body).map_err(|_| aside("it is not UTF-8".into(), body))?;
        let fields: Fields = serde_json::from_str(text)
            .map_err(|error| aside(format!("it is no JSON object: {error}"), body))?;
        if !fields.contains_key("specversion") {
            let meta = Meta { idempotency: Some(own), ..Meta::default() };
            let (name, data) = (binding.message.to_owned(), text.to_owned());
            return Ok(Message { name, data, meta, order_key: order_key(binding, &fields) });
        }
        let envelope: Envelope = serde_json::from_str(text)
            .map_err(|error| aside(format!("it is no CloudEvent: {error}"), body))?;
        open(binding, envelope).map_err(|closed| match closed {
            Closed::Unreadable(why) => aside(why, body),
            Closed::NotTaken(parked) => parked,
        })
    }
}

/// A message, or what is parked in its position.
type Read = Result<Message, Parked>;

/// The fields of an object, as they stand there.
type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// Why a message stays in its envelope.
enum Closed {
    Unreadable(String),
    /// It is of a type that does not come by this binding. It is parked as what it is: somebody may
    /// let it in.
    NotTaken(Parked),
}

/// Takes a message out of its envelope.
fn open(binding: &Binding, envelope: Envelope) -> Result<Message, Closed> {
    let Envelope { specversion, id, source, name, data, partitionkey, correlationid } = envelope;
    if specversion != "1.0" {
        let why = format!("CloudEvents of version {specversion:?} are not read, 1.0 is");
        return Err(Closed::Unreadable(why));
    }
    if [&id, &source, &name].iter().any(|it| it.is_empty() || it.len() > WORD_BYTES_MAX) {
        let why = format!("id, source and type have 1 to {WORD_BYTES_MAX} bytes");
        return Err(Closed::Unreadable(why));
    }
    let idempotency = Idempotency::of(&format!("{source}/{id}"), data.get().as_bytes());
    if name != binding.message && !binding.also.contains(&name.as_str()) {
        return Err(Closed::NotTaken(Parked {
            reason: format!("messages of type {name:?} are not taken here"),
            message: name,
            body: data.get().to_owned(),
            idempotency: Some(idempotency),
        }));
    }
    let fields: Fields = serde_json::from_str(data.get()).unwrap_or_default();
    let order_key =
        partitionkey.map_or_else(|| order_key(binding, &fields), |key| format!("{name}\0{key}"));
    let correlation = correlationid.map(Key::from);
    let meta = Meta { idempotency: Some(idempotency), correlation, ..Meta::default() };
    Ok(Message { name, data: data.get().to_owned(), meta, order_key })
}

/// What a message is about, as far as its binding knows.
fn order_key(binding: &Binding, fields: &Fields) -> String {
    let key = binding.keys.iter().find_map(|name| fields.get(*name));
    format!("{}\0{}", binding.channel, key.map_or("", |it| it.get()))
}

/// Waits a little, or until the process stops: then says so.
async fn rest(waits: &mut impl Iterator<Item = Duration>, stop: &watch::Receiver<bool>) -> bool {
    let wait = waits.next().unwrap_or(RETRY_DELAY_MAX);
    let mut stop = stop.clone();
    tokio::time::timeout(wait, stop.wait_for(|told| *told)).await.is_ok()
}

pub(crate) fn waits() -> impl Iterator<Item = Duration> {
    let waits =
        ExponentialBuilder::new().with_min_delay(RETRY_DELAY_MIN).with_max_delay(RETRY_DELAY_MAX);
    waits.with_jitter().without_max_times().build()
}
