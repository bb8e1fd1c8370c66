//! The inbox of broker messages: each is parsed within limits, sent over the bus, or parked.

use std::collections::BTreeMap;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use earmark_kernel::{Bus, Failure, Idempotency, Key, Meta, NotDone, Parked};
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::watch;

/// The largest message, in bytes.
pub const BYTES_MAX: usize = 64 * 1024;
/// The bytes of a too large message that are parked.
const PARKED_BYTES_OF_TOO_LARGE: usize = 1_024;
/// The longest `type`, `source` or `id` of a CloudEvent, in bytes.
const ATTRIBUTE_BYTES_MAX: usize = 256;
/// The delay before the first retry; later ones are longer.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(20);
/// The longest delay between two retries.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(2);

/// Binds a channel or stream to the messages that arrive by it.
#[derive(Clone, Debug)]
pub struct Binding {
    /// The channel, or the key of the stream.
    pub channel: String,
    /// The wire name of messages that are not CloudEvents.
    pub message: &'static str,
    /// Further wire names that are accepted as the `type` of a CloudEvent.
    pub also: &'static [&'static str],
    /// Messages with the same value in the first present field of these are handled in order.
    pub keys: &'static [&'static str],
}

/// A message as it was received.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The index of its binding.
    pub binding: usize,
    /// Identifies the message; a redelivery has the same id.
    pub id: String,
    /// The received bytes.
    pub body: Vec<u8>,
    /// Why it is parked without being parsed, if so.
    pub poison: Option<String>,
}

/// The result of handling a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its command was decided, and the decision is durable.
    Decided,
    /// It was parked with the reason.
    Parked,
    /// It was not decided, because the process stops; the broker must deliver it again.
    Redeliver,
}

/// Sends messages to the bus.
#[derive(Clone)]
pub struct Inbox {
    bus: Bus,
    service: &'static str,
    bindings: Vec<Binding>,
}

/// A parsed message.
struct Message {
    name: String,
    data: String,
    meta: Meta,
    /// Messages with the same key are handled in the order of their arrival.
    order_key: String,
}

/// A CloudEvent in JSON. Unknown attributes are ignored, as its specification requires.
#[derive(Deserialize)]
struct CloudEvent<'a> {
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
    /// Sends the messages of these bindings to a bus; unreadable messages are parked in the
    /// service.
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

    /// Handles messages: those with the same order key in sequence, others concurrently. A message
    /// that has to wait delays only later messages with the same key.
    pub async fn handle(
        &self,
        messages: Vec<Incoming>,
        stopping: &watch::Receiver<bool>,
    ) -> Vec<Outcome> {
        let mut outcomes = vec![Outcome::Redeliver; messages.len()];
        let mut by_key: BTreeMap<String, Vec<(usize, usize, Parsed)>> = BTreeMap::new();
        for (index, incoming) in messages.into_iter().enumerate() {
            let binding = incoming.binding;
            let parsed = self.parse(incoming);
            let order_key =
                parsed.as_ref().map_or_else(|_| format!("\0{index}"), |it| it.order_key.clone());
            by_key.entry(order_key).or_default().push((index, binding, parsed));
        }
        let handling = by_key.into_values().map(|same_key| async {
            let mut done = Vec::with_capacity(same_key.len());
            for (index, binding, parsed) in same_key {
                let outcome = self.handle_one(binding, parsed, stopping.clone()).await;
                done.push((index, outcome));
                if outcome == Outcome::Redeliver {
                    break;
                }
            }
            done
        });
        for (index, outcome) in join_all(handling).await.into_iter().flatten() {
            outcomes[index] = outcome;
        }
        outcomes
    }

    /// Sends or parks one message, and counts it.
    async fn handle_one(
        &self,
        binding: usize,
        parsed: Parsed,
        stopping: watch::Receiver<bool>,
    ) -> Outcome {
        let channel = self.bindings[binding].channel.clone();
        let (outcome, label) = match parsed {
            Ok(message) => self.send(message, stopping).await,
            Err(parked) => self.park(parked, stopping).await,
        };
        metrics::counter!("earmark_messages_total", "channel" => channel, "outcome" => label)
            .increment(1);
        outcome
    }

    async fn send(
        &self,
        message: Message,
        stopping: watch::Receiver<bool>,
    ) -> (Outcome, &'static str) {
        let mut delays = retry_delays();
        loop {
            let Message { name, data, meta, .. } = &message;
            let failure = match self.bus.send_json(name, data, meta.clone()).await {
                Ok(reply) => match reply.ending {
                    Ok(_) => return (Outcome::Decided, "done"),
                    Err(NotDone::Refused(refused)) => {
                        tracing::warn!(message = name, data, "refused: {}", refused.text);
                        return (Outcome::Decided, "refused");
                    }
                    // The writer has already parked it.
                    Err(NotDone::Failed(Failure::Broken { .. })) => {
                        return (Outcome::Parked, "parked");
                    }
                    Err(NotDone::Failed(failure)) => failure,
                    // A retry with the same key finds out, in this process or in the next one.
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
                Failure::Stopping => return (Outcome::Redeliver, "left"),
                _ if sleep_or_stop(&mut delays, &stopping).await => {
                    return (Outcome::Redeliver, "left");
                }
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
        let mut delays = retry_delays();
        loop {
            match self.bus.park(self.service, parked.clone()).await {
                Ok(()) => return (Outcome::Parked, "parked"),
                Err(Failure::Stopping) => return (Outcome::Redeliver, "left"),
                Err(_) if sleep_or_stop(&mut delays, &stopping).await => {
                    return (Outcome::Redeliver, "left");
                }
                Err(_) => {}
            }
        }
    }

    /// Parses a message, or returns what to park and why.
    fn parse(&self, incoming: Incoming) -> Parsed {
        let binding = &self.bindings[incoming.binding];
        let own = Idempotency::of(&incoming.id, &incoming.body);
        let parked = |reason: String, body: &[u8]| Parked {
            message: binding.message.to_owned(),
            body: String::from_utf8_lossy(body).into_owned(),
            reason,
            idempotency: Some(own.clone()),
        };
        let body = &incoming.body[..];
        if body.len() > BYTES_MAX {
            let reason = format!(
                "the message has {} bytes, more than {BYTES_MAX}; it was truncated",
                body.len()
            );
            return Err(parked(reason, &body[..PARKED_BYTES_OF_TOO_LARGE]));
        }
        if let Some(reason) = incoming.poison {
            return Err(parked(reason, body));
        }
        let text = std::str::from_utf8(body).map_err(|_| parked("not UTF-8".into(), body))?;
        let fields: Fields = serde_json::from_str(text)
            .map_err(|error| parked(format!("not a JSON object: {error}"), body))?;
        if !fields.contains_key("specversion") {
            let meta = Meta { idempotency: Some(own), ..Meta::default() };
            let (name, data) = (binding.message.to_owned(), text.to_owned());
            return Ok(Message { name, data, meta, order_key: order_key(binding, &fields) });
        }
        let event: CloudEvent = serde_json::from_str(text)
            .map_err(|error| parked(format!("not a CloudEvent: {error}"), body))?;
        unwrap_event(binding, event).map_err(|rejected| match rejected {
            Rejected::Malformed(why) => parked(why, body),
            Rejected::OtherType(parked) => parked,
        })
    }
}

/// A message, or what is parked instead.
type Parsed = Result<Message, Parked>;

/// The fields of a JSON object, unparsed.
type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// Why a CloudEvent is not accepted.
enum Rejected {
    Malformed(String),
    /// Its type is not accepted by this binding. It is parked under its own type, so that an
    /// operator can replay it.
    OtherType(Parked),
}

/// Reads the message in a CloudEvent.
fn unwrap_event(binding: &Binding, event: CloudEvent) -> Result<Message, Rejected> {
    let CloudEvent { specversion, id, source, name, data, partitionkey, correlationid } = event;
    if specversion != "1.0" {
        let why = format!("CloudEvents version {specversion:?} is not supported, only 1.0");
        return Err(Rejected::Malformed(why));
    }
    if [&id, &source, &name].iter().any(|it| it.is_empty() || it.len() > ATTRIBUTE_BYTES_MAX) {
        let why = format!("id, source and type must have 1 to {ATTRIBUTE_BYTES_MAX} bytes");
        return Err(Rejected::Malformed(why));
    }
    let idempotency = Idempotency::of(&format!("{source}/{id}"), data.get().as_bytes());
    if name != binding.message && !binding.also.contains(&name.as_str()) {
        return Err(Rejected::OtherType(Parked {
            reason: format!("messages of type {name:?} are not accepted here"),
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

/// The channel, and the value of the first present key field of the binding.
fn order_key(binding: &Binding, fields: &Fields) -> String {
    let key = binding.keys.iter().find_map(|name| fields.get(*name));
    format!("{}\0{}", binding.channel, key.map_or("", |it| it.get()))
}

/// Waits for the next delay; returns true at once when the process stops.
async fn sleep_or_stop(
    delays: &mut impl Iterator<Item = Duration>,
    stop: &watch::Receiver<bool>,
) -> bool {
    let delay = delays.next().unwrap_or(RETRY_DELAY_MAX);
    let mut stop = stop.clone();
    tokio::time::timeout(delay, stop.wait_for(|is_stopping| *is_stopping)).await.is_ok()
}

/// Exponential delays with jitter, without end.
pub(crate) fn retry_delays() -> impl Iterator<Item = Duration> {
    let delays =
        ExponentialBuilder::new().with_min_delay(RETRY_DELAY_MIN).with_max_delay(RETRY_DELAY_MAX);
    delays.with_jitter().without_max_times().build()
}
