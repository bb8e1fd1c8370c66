//! `earmark log`: the events of a service in order.

use std::process::ExitCode;

use clap::Args;
use earmark_kernel::Bus;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::args::Source;
use crate::client::Client;
use crate::error::CliError;
use crate::node::Node;
use crate::output;
use crate::runtime::block_on;
use crate::settings::{Flags, Settings};
use crate::storage_config::StorageConfig;

/// Events read per batch.
const PAGE: u64 = 1_000;
/// How long a request waits for new events at the server.
const WAIT_S: u64 = 20;

/// Shows every event of a service. With --server, shows the public events, as CloudEvents.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
                        earmark log --after 1000 --limit 20\n  \
                        earmark log --follow --server http://127.0.0.1:5005")]
pub struct Log {
    /// Show only events after this sequence number
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: u64,
    /// Show at most N events
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Continue with new events; needs --server
    #[arg(long)]
    follow: bool,
    /// Service whose log is shown
    #[arg(long, default_value = "allocation")]
    service: String,
    /// Partition of that service
    #[arg(long, value_name = "N", default_value_t = 0)]
    partition: usize,
    #[command(flatten)]
    source: Source,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// An event as it is stored in the log.
#[derive(Deserialize)]
struct Stored<'a> {
    #[serde(rename = "type")]
    name: String,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    of: String,
    key: String,
    causation: String,
    correlation: Option<String>,
    at: Option<i64>,
}

/// An event as printed.
#[derive(Serialize)]
struct Shown<'a> {
    sequence: u64,
    at_ms: i64,
    #[serde(rename = "type")]
    name: String,
    of: String,
    key: String,
    causation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

/// A public event as a server sends it.
#[derive(Deserialize)]
struct Public {
    #[serde(rename = "type")]
    name: String,
    time: String,
    sequence: String,
    partitionkey: String,
    data: Box<RawValue>,
}

impl Log {
    pub fn flags(&self, flags: &mut Flags) {
        self.source.flags(flags);
    }

    pub fn run(self, settings: &Settings) -> Result<ExitCode, CliError> {
        if let Some(client) = self.source.client(settings)? {
            block_on(self.of_server(&client))?;
            return Ok(ExitCode::SUCCESS);
        }
        if self.follow {
            return Err(CliError::usage(
                "--follow needs a server: only one process at a time can open a data folder",
            )
            .advise("Name it with --server, such as http://127.0.0.1:5005."));
        }
        let node = Node::open_existing(&StorageConfig::of(settings)?)?;
        let shown = self.of_folder(&node.bus);
        node.close();
        shown.map(|()| ExitCode::SUCCESS)
    }

    fn of_folder(&self, bus: &Bus) -> Result<(), CliError> {
        let partitions = bus.status().into_iter().filter(|it| it.service == self.service).count();
        if self.partition >= partitions.max(1) {
            let what = format!("{} has {partitions} partitions, from 0", self.service);
            return Err(CliError::usage(what));
        }
        let (mut after, mut left) = (self.after, self.limit.unwrap_or(u64::MAX));
        while left > 0 {
            let records = bus.records(&self.service, self.partition, after, PAGE)?;
            if records.is_empty() {
                break;
            }
            for record in records {
                let unreadable = |error: serde_json::Error| {
                    CliError::new(format!("record {} cannot be read: {error}", record.first_seq))
                };
                let events: Vec<Stored> =
                    serde_json::from_str(&record.events).map_err(unreadable)?;
                for (sequence, event) in (record.first_seq..).zip(events) {
                    if sequence > after && left > 0 {
                        self.show(sequence, record.at_ms, event)?;
                        left -= 1;
                    }
                }
                after = after.max(record.last_seq);
            }
        }
        Ok(())
    }

    fn show(&self, sequence: u64, at_ms: i64, event: Stored) -> Result<(), CliError> {
        let at_ms = event.at.unwrap_or(at_ms);
        let Stored { name, data, of, key, causation, correlation, .. } = event;
        if self.json {
            let shown = Shown { sequence, at_ms, name, of, key, causation, correlation, data };
            return output::json_line(&shown);
        }
        let time = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::UNIX_EPOCH);
        let data = data.map_or("", RawValue::get);
        output::say(format!("{sequence:>8} {time} {name} {key} {data}"))
    }

    async fn of_server(&self, client: &Client) -> Result<(), CliError> {
        let (mut after, mut left) = (self.after, self.limit.unwrap_or(u64::MAX));
        while left > 0 {
            let mut query =
                vec![("after", after.to_string()), ("limit", left.min(PAGE).to_string())];
            if self.follow {
                query.push(("wait_s", WAIT_S.to_string()));
            }
            let partition = self.partition.to_string();
            let path = ["v1", "feeds", &self.service, &partition];
            let events: Vec<Box<RawValue>> = client.get(&path, &query).await?;
            if events.is_empty() && !self.follow {
                break;
            }
            for event in events {
                after = self.show_public(&event)?;
                left -= 1;
            }
        }
        Ok(())
    }

    fn show_public(&self, event: &RawValue) -> Result<u64, CliError> {
        let public: Public = serde_json::from_str(event.get()).map_err(CliError::new)?;
        if self.json {
            output::say(event.get())?;
        } else {
            let Public { name, time, sequence, partitionkey, data } = &public;
            output::say(format!("{sequence:>8} {time} {name} {partitionkey} {data}"))?;
        }
        public.sequence.parse().map_err(CliError::new)
    }
}
