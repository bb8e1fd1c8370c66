//! Parked messages: what could not be handled and why, and replaying it once the cause is removed.

use earmark_kernel::{Failure, JsonReply, Key, NotDone, Parked};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::parameters::{self, whole};
use super::table::RouteTable;
use crate::api_request::ApiRequest;
use crate::http::{DetachOnDrop, HttpResult, response};
use crate::openapi::{BodyRule, Operation};
use crate::problem::{Problem, kinds};

/// A message may have 64 KiB.
const LIMIT_MAX: u64 = 100;
const LIMIT_DEFAULT: u64 = 20;

/// A parked message.
#[derive(JsonSchema, Serialize)]
struct ParkedMessage {
    /// The id under which it is replayed.
    id: String,
    /// What it was meant to be: a channel, or the name of a command.
    message: String,
    /// Why it was parked.
    reason: String,
    /// The message as it was received; the end of one that is too large is cut off.
    body: String,
}

/// A page of parked messages.
#[derive(JsonSchema, Serialize)]
struct ParkedPage {
    /// The messages, in order of their ids.
    items: Vec<ParkedMessage>,
    /// The `after` of the next page; null if this is the last page.
    next: Option<String>,
}

/// The message to replay.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReplayParked {
    /// Its id in the list.
    id: String,
}

/// The outcome of a replayed message. It is no longer parked, unless this was a dry run.
#[derive(JsonSchema, Serialize)]
struct ReplayOutcome {
    /// `done` or `refused`.
    outcome: &'static str,
    /// The answer of the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    answer: Option<Box<RawValue>>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Of a dry run: the events that would have been recorded, each with `type` and `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<std::collections::BTreeMap<String, serde_json::Value>>>")]
    events: Option<Vec<Box<RawValue>>>,
}

pub(crate) fn add(table: RouteTable) -> RouteTable {
    let list = Operation::get("/v1/parked/{service}", "list_parked", "List parked messages")
        .description(
            "The parked messages of a service, each with the reason, in order of their ids.",
        )
        .path::<String>("service", "The service.")
        .query::<String>("after", "The `next` of the previous page.");
    let list = parameters::limit(list, |_| whole(1, LIMIT_MAX, LIMIT_DEFAULT))
        .responds::<ParkedPage>(200, "A page of messages.")
        .reads_views()
        .problems(&[&kinds::NOT_FOUND]);
    let description = "Handles the message again. It takes effect at most once, however often it is \
        replayed: it keeps its own idempotency key, so the request has none. With `dry_run` it is \
        tried and stays parked.";
    let replay = Operation::action(
        "/v1/parked/{service}/replay",
        "replay_parked",
        "Replay a parked message",
    )
    .description(description)
    .path::<String>("service", "The service.")
    .body::<ReplayParked>(BodyRule::Object)
    .responds::<ReplayOutcome>(200, "The message was handled: done or refused.")
    .problems(&[&kinds::NOT_FOUND, &kinds::UNKNOWN_PARKED, &kinds::STILL_PARKED]);
    table.group("Parked").route(list, list_parked).route(replay, replay_parked)
}

async fn list_parked(request: ApiRequest) -> HttpResult {
    let service: String = request.path("service")?;
    let limit = request.number("limit", LIMIT_DEFAULT, 1..=LIMIT_MAX)?;
    let limit = usize::try_from(limit).expect("at most a hundred");
    let (bus, after) = (request.app.bus.clone(), request.query::<String>("after")?);
    let tasks = &request.app.tasks;
    let read = tasks.spawn_blocking(move || bus.parked(&service, after.as_deref(), limit + 1));
    let read = read.await.map_err(|panicked| Problem::panicked(&panicked))?;
    let mut parked = read.map_err(unserved)?;
    let is_more = parked.len() > limit;
    parked.truncate(limit);
    let next = parked.last().filter(|_| is_more).map(|(id, _)| id.to_string());
    let item = |(id, it): (Key, Parked)| {
        let Parked { message, reason, body, .. } = it;
        ParkedMessage { id: id.to_string(), message, reason, body }
    };
    let items = parked.into_iter().map(item).collect();
    Ok(response::json(200, &ParkedPage { items, next }))
}

async fn replay_parked(request: ApiRequest) -> HttpResult {
    let service: String = request.path("service")?;
    let ReplayParked { id } = request.object()?;
    let is_dry_run = request.flag("dry_run")?;
    let bus = request.app.bus.clone();
    if !bus.status().iter().any(|it| it.service == service) {
        return Err(no_such_service());
    }
    // The replay is completed even if the client hangs up.
    let replaying =
        async move { bus.replay_parked(&service, &id, is_dry_run).await.map_err(still_parked) };
    let replayed = DetachOnDrop::new(Box::pin(replaying), &request.app.tasks).await;
    let replayed = replayed.map_err(|panicked| Problem::panicked(&panicked))??;
    let reply = replayed.ok_or_else(|| {
        Problem::new(&kinds::UNKNOWN_PARKED, "no message is parked under this id").at("id")
    })?;
    let JsonReply { ending, events, .. } = reply;
    let (outcome, answer, detail) = match ending {
        Ok(answer) => ("done", Some(answer), None),
        Err(NotDone::Refused(refused)) => ("refused", None, Some(refused.text)),
        Err(NotDone::Failed(failure)) => return Err(still_parked(failure)),
        Err(NotDone::Unknown(why)) => {
            tracing::error!(why, "the outcome of a parked message is not known");
            let detail = "it is not known whether the message was handled; \
                replay it again: it takes effect at most once";
            return Err(Problem::unknown_outcome().with_detail(detail));
        }
    };
    let events = is_dry_run.then_some(events);
    Ok(response::json(200, &ReplayOutcome { outcome, answer, detail, events }))
}

fn unserved(failure: Failure) -> Problem {
    match failure {
        Failure::NotServed(_) => no_such_service(),
        other => other.into(),
    }
}

fn no_such_service() -> Problem {
    Problem::new(&kinds::NOT_FOUND, "there is no such service").at("service")
}

/// A failure that would repeat keeps the message parked; other failures are temporary.
fn still_parked(failure: Failure) -> Problem {
    match failure {
        Failure::Unreadable { .. } | Failure::NotServed(_) | Failure::KeyReused(_) => {
            Problem::new(&kinds::STILL_PARKED, failure.to_string())
        }
        other => other.into(),
    }
}
