//! `earmark parked`: shows and replays parked messages.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use earmark_kernel::{Failure, Key, NotDone};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::args::Source;
use crate::client::Client;
use crate::error::CliError;
use crate::node::Node;
use crate::output::{self, table};
use crate::runtime::block_on;
use crate::settings::{Flags, Settings};
use crate::storage_config::StorageConfig;
use crate::wiring;

/// Messages read per request.
const PAGE: usize = 100;

/// Shows parked messages with the reason: those that could not be read or kept failing. Replays
/// one.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
                        earmark parked\n  \
                        earmark parked --server http://127.0.0.1:5005 replay ID --dry-run")]
pub struct Parked {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    source: Source,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the parked messages
    List,
    /// Send a message again; it is no longer parked once it is decided
    Replay {
        /// Id of the message, as shown by `list`
        id: String,
        /// Report the result without changing anything
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Serialize)]
struct Shown {
    service: &'static str,
    #[serde(flatten)]
    message: Message,
}

/// A message, in the format of the server.
#[derive(Deserialize, Serialize)]
struct Message {
    id: String,
    message: String,
    reason: String,
    body: String,
}

/// A page of messages, in the format of the server.
#[derive(Deserialize)]
struct Page {
    items: Vec<Message>,
    next: Option<String>,
}

/// The result of a replay, in the format of the server.
#[derive(Deserialize)]
struct Decided {
    outcome: String,
    /// Also none if the answer is `null`.
    answer: Option<Box<RawValue>>,
    detail: Option<String>,
    #[serde(default)]
    events: Vec<Box<RawValue>>,
}

/// Where the parked messages are.
enum Place {
    Node(Node),
    Server(Client),
}

impl Parked {
    pub fn flags(&self, flags: &mut Flags) {
        self.source.flags(flags);
    }

    pub fn run(self, settings: &Settings) -> Result<ExitCode, CliError> {
        let place = match self.source.client(settings)? {
            Some(client) => Place::Server(client),
            None => Place::Node(Node::open_existing(&StorageConfig::of(settings)?)?),
        };
        let done = match &self.action {
            None | Some(Action::List) => self.list(&place),
            Some(Action::Replay { id, dry_run }) => replay(&place, id, *dry_run),
        };
        if let Place::Node(node) = place {
            node.close();
        }
        done.map(|()| ExitCode::SUCCESS)
    }

    fn list(&self, place: &Place) -> Result<(), CliError> {
        let shown = parked(place)?;
        if self.json {
            output::json(&shown)
        } else if shown.is_empty() {
            output::say("no parked messages")
        } else {
            let rows = shown.into_iter().map(|it| {
                let Message { id, message, reason, body } = it.message;
                vec![id, message, reason, body]
            });
            output::say(table(&["id", "message", "reason", "body"], &[], rows))
        }
    }
}

fn replay(place: &Place, id: &str, dry_run: bool) -> Result<(), CliError> {
    let found = parked(place)?.into_iter().find(|it| it.message.id == id);
    let service = found.map(|it| it.service).ok_or_else(|| unknown(id))?;
    let decided = match place {
        Place::Node(node) => in_node(node, service, id, dry_run)?,
        Place::Server(client) => {
            let path = ["v1", "parked", service, "replay"];
            let dry_run = [("dry_run", if dry_run { "true" } else { "false" })];
            block_on(client.post(&path, &dry_run, &json!({ "id": id })))?
        }
    };
    for event in decided.events {
        output::say(format!("would record {event}"))?;
    }
    if decided.outcome == "done" {
        return output::say(decided.answer.map_or_else(|| "done".to_owned(), |it| it.to_string()));
    }
    let why = decided.detail.unwrap_or_default();
    Err(CliError::new(format!("the message was refused: {why}")))
}

fn in_node(node: &Node, service: &str, id: &str, dry_run: bool) -> Result<Decided, CliError> {
    let reply = block_on(async { Ok(node.bus.replay_parked(service, id, dry_run).await) })?;
    let reply = reply.map_err(failed)?.ok_or_else(|| unknown(id))?;
    let (outcome, answer, detail) = match reply.ending {
        Ok(answer) => ("done", Some(answer), None),
        Err(NotDone::Refused(refused)) => ("refused", None, Some(refused.text)),
        Err(NotDone::Failed(failure)) => return Err(failed(failure)),
        Err(NotDone::Unknown(why)) => {
            return Err(CliError::new(why).advise("Check `earmark log`, then try again."));
        }
    };
    Ok(Decided { outcome: outcome.to_owned(), answer, detail, events: reply.events })
}

fn parked(place: &Place) -> Result<Vec<Shown>, CliError> {
    let mut shown = Vec::new();
    for service in wiring::services().iter().map(|it| it.flow().service) {
        let mut after = None;
        loop {
            let Page { items, next } = page(place, service, after.as_deref())?;
            shown.extend(items.into_iter().map(|message| Shown { service, message }));
            if next.is_none() {
                break;
            }
            after = next;
        }
    }
    Ok(shown)
}

fn page(place: &Place, service: &str, after: Option<&str>) -> Result<Page, CliError> {
    let node = match place {
        Place::Node(node) => node,
        Place::Server(client) => {
            let mut query = vec![("limit", PAGE.to_string())];
            query.extend(after.map(|after| ("after", after.to_owned())));
            return block_on(client.get(&["v1", "parked", service], &query));
        }
    };
    let parked = node.bus.parked(service, after, PAGE)?;
    let next = parked.last().filter(|_| parked.len() == PAGE).map(|(id, _)| id.to_string());
    let message = |(id, it): (Key, earmark_kernel::Parked)| {
        let earmark_kernel::Parked { message, reason, body, .. } = it;
        Message { id: id.to_string(), message, reason, body }
    };
    Ok(Page { items: parked.into_iter().map(message).collect(), next })
}

fn unknown(id: &str) -> CliError {
    CliError::new(format!("there is no parked message {id:?}"))
        .advise("Run `earmark parked list` to see the parked messages.")
}

fn failed(failure: Failure) -> CliError {
    CliError::new(format!("the message failed again and stays parked: {failure}"))
}
