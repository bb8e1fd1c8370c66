//! What goes to Redis and comes from it: the book's channels, and streams.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use earmark_brokers::inbox::{Binding, Inbox};
use earmark_brokers::redis::{
    ChannelConsumer, ChannelPublisher, FlatJson, Redis, StreamConsumer, StreamPublisher,
};
use earmark_contracts::allocation::{
    Allocate, AllocateLine, ChangeBatch, ChangeBatchQuantity, CloseBatch, CreateBatch, Deallocate,
    LineAllocated,
};
use earmark_kernel::{Bus, Command, Message, PublicEvent, Publisher, RelayLimits};
use tokio::sync::watch;

use super::{Work, bounded, relays};
use crate::config::Settings;
use crate::error::CliError;

/// Who reads what comes in, and where it is parked.
const SERVICE: &str = "allocation";
/// The consumer group that reads the streams of commands.
const GROUP: &str = "earmark";
/// What goes out and comes in begins with this.
const PREFIX: &str = "earmark";
/// So many events a stream keeps.
const STREAM_EVENTS: u64 = 200_000;
/// What a consumer was given and has not acknowledged for so long goes to another, in seconds.
const CLAIM_S: u64 = 30;

const ADDRESS: &str = "Say it as redis://[user:password@]host[:port][/database] in --redis, \
                       EARMARK_REDIS or the settings file.";
const AUTHORITIES: &str = "redis_ca_file names certificates in PEM, and goes with rediss://…";

/// The server that the settings name, if they name one.
pub fn server(settings: &Settings) -> Result<Option<Redis>, CliError> {
    let Some(address) = &settings.redis else { return Ok(None) };
    let (redis, advice) = match &settings.redis_ca_file {
        None => (Redis::at(address.reveal()), ADDRESS),
        Some(file) => {
            let unreadable = |error| {
                CliError::usage(format!("cannot read {}: {error}", file.display()))
                    .advise(AUTHORITIES)
            };
            let authorities = fs::read(file).map_err(unreadable)?;
            (Redis::signed_by(address.reveal(), &authorities), AUTHORITIES)
        }
    };
    redis.map(Some).map_err(|error| CliError::usage(error).advise(advice))
}

/// The relays to Redis, and what hears it.
pub fn works(
    bus: &Bus,
    settings: &Settings,
    stop: &watch::Sender<bool>,
) -> Result<Vec<Work>, CliError> {
    let Some(redis) = server(settings)? else { return Ok(Vec::new()) };
    let prefix = settings.redis_prefix.as_deref().unwrap_or(PREFIX);
    let keeps = settings.redis_stream_events.unwrap_or(STREAM_EVENTS);
    let claim = Duration::from_secs(settings.redis_claim_s.unwrap_or(CLAIM_S).max(1));
    let channel = |named: &Option<String>, name: &str| named.as_deref().unwrap_or(name).to_owned();
    let line_allocated = FlatJson {
        event: LineAllocated::NAME,
        channel: channel(&settings.redis_line_allocated, "line_allocated"),
        fields: &["orderid", "sku", "qty", "batchref"],
    };
    let bindings = vec![
        Binding {
            channel: channel(&settings.redis_change_batch_quantity, ChangeBatchQuantity::NAME),
            message: ChangeBatchQuantity::NAME,
            also: &[CreateBatch::NAME, ChangeBatch::NAME, CloseBatch::NAME],
            keys: &["batchref", "reference"],
        },
        Binding {
            channel: channel(&settings.redis_allocate, AllocateLine::NAME),
            message: AllocateLine::NAME,
            also: &[Allocate::NAME, Deallocate::NAME],
            keys: &["sku"],
        },
    ];
    let inbox = Inbox::new(bus, SERVICE, bindings);
    let publishers: [Arc<dyn Publisher>; 2] = [
        Arc::new(StreamPublisher::of(redis.clone(), prefix, keeps)),
        Arc::new(ChannelPublisher::of(redis.clone(), prefix, vec![line_allocated])),
    ];
    let mut works = Vec::new();
    for publisher in &publishers {
        works.extend(relays(bus, publisher, RelayLimits::default(), stop)?);
    }
    let streams = StreamConsumer::of(redis.clone(), inbox.clone(), GROUP, claim);
    works.push(bounded(streams.run(stop.subscribe()), stop));
    let channels = ChannelConsumer::of(redis, inbox);
    works.push(bounded(channels.run(stop.subscribe()), stop));
    Ok(works)
}
