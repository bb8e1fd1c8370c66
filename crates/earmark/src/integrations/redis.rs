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
use crate::error::CliError;
use crate::settings::Settings;

/// Who reads what comes in, and where it is parked.
const SERVICE: &str = "allocation";
/// The consumer group that reads the streams of commands.
const GROUP: &str = "earmark";

const ADDRESS: &str = "Write it as redis://[user:password@]host[:port][/database] in --redis, \
                       EARMARK_REDIS_URL or [redis] url in the settings file.";
const AUTHORITIES: &str =
    "[redis] ca_file is a file of certificates in PEM, and needs a rediss:// URL.";

/// The server that the settings name, if they name one.
pub fn server(settings: &Settings) -> Result<Option<Redis>, CliError> {
    let Some(address) = &settings.redis.url else { return Ok(None) };
    let (redis, advice) = match &settings.redis.ca_file {
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
    let settings = &settings.redis;
    let claim = Duration::from_secs(settings.claim_s.max(1));
    let line_allocated = FlatJson {
        event: LineAllocated::NAME,
        channel: settings.line_allocated.clone(),
        fields: &["orderid", "sku", "qty", "batchref"],
    };
    let bindings = vec![
        Binding {
            channel: settings.change_batch_quantity.clone(),
            message: ChangeBatchQuantity::NAME,
            also: &[CreateBatch::NAME, ChangeBatch::NAME, CloseBatch::NAME],
            keys: &["batchref", "reference"],
        },
        Binding {
            channel: settings.allocate.clone(),
            message: AllocateLine::NAME,
            also: &[Allocate::NAME, Deallocate::NAME],
            keys: &["sku"],
        },
    ];
    let inbox = Inbox::new(bus, SERVICE, bindings);
    let publishers: [Arc<dyn Publisher>; 2] = [
        Arc::new(StreamPublisher::of(redis.clone(), &settings.prefix, settings.stream_events)),
        Arc::new(ChannelPublisher::of(redis.clone(), &settings.prefix, vec![line_allocated])),
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
