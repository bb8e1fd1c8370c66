//! Redis: events to channels and streams, commands from both.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use earmark_brokers::inbox::{Binding, Inbox};
use earmark_brokers::redis::{
    ChannelConsumer, ChannelPublisher, FlatJson, Redis, StreamConsumer, StreamPublisher,
};
use earmark_kernel::{Bus, Publisher, RelayLimits};
use tokio::sync::watch;

use super::work::{Work, bounded, relays};
use crate::error::CliError;
use crate::settings::{RedisSettings, Settings};
use crate::wiring::BINDINGS;

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

/// The relays to Redis and the consumers of it, if the settings name a server.
pub fn works(
    bus: &Bus,
    settings: &Settings,
    stop: &watch::Sender<bool>,
) -> Result<Vec<Work>, CliError> {
    let Some(redis) = server(settings)? else { return Ok(Vec::new()) };
    let settings = &settings.redis;
    let publishers: [Arc<dyn Publisher>; 2] = [
        Arc::new(StreamPublisher::of(redis.clone(), &settings.prefix, settings.stream_events)),
        Arc::new(ChannelPublisher::of(redis.clone(), &settings.prefix, flat(settings))),
    ];
    let mut works = Vec::new();
    for publisher in &publishers {
        works.extend(relays(bus, publisher, RelayLimits::default(), stop)?);
    }
    let claim_after = Duration::from_secs(settings.claim_s.max(1));
    for inbox in inboxes(bus, settings) {
        let streams = StreamConsumer::of(redis.clone(), inbox.clone(), GROUP, claim_after);
        works.push(bounded(streams.run(stop.subscribe()), stop));
        let channels = ChannelConsumer::of(redis.clone(), inbox);
        works.push(bounded(channels.run(stop.subscribe()), stop));
    }
    Ok(works)
}

/// The events that the services publish in flat JSON.
fn flat(settings: &RedisSettings) -> Vec<FlatJson> {
    let outbound = BINDINGS.iter().flat_map(|it| it.outbound);
    let flat = outbound.map(|it| FlatJson {
        event: it.event,
        channel: channel(settings, it.channel),
        fields: it.fields,
    });
    flat.collect()
}

/// An inbox for each service that messages arrive for.
fn inboxes(bus: &Bus, settings: &RedisSettings) -> Vec<Inbox> {
    let services = BINDINGS.iter().filter(|it| !it.inbound.is_empty());
    let inboxes = services.map(|service| {
        let bindings = service.inbound.iter().map(|it| Binding {
            channel: channel(settings, it.channel),
            message: it.message,
            also: it.also,
            keys: it.keys,
        });
        Inbox::new(bus, service.service, bindings.collect())
    });
    inboxes.collect()
}

/// The name of a channel in the settings, or else its default name.
fn channel(settings: &RedisSettings, default: &str) -> String {
    settings.channel(default).unwrap_or(default).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_has_a_setting_whose_default_is_its_name() {
        let settings = RedisSettings::default();
        for service in BINDINGS {
            let inbound = service.inbound.iter().map(|it| it.channel);
            for name in inbound.chain(service.outbound.iter().map(|it| it.channel)) {
                assert_eq!(settings.channel(name), Some(name));
            }
        }
    }
}
