//! Parked messages: what was set aside, why, and sending it again when the reason is gone.

use earmark_kernel::{Failure, JsonReply, NotDone, Parked};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Routes;
use super::feeds::whole;
use crate::answer::{self, Answered};
use crate::api_request::ApiRequest;
use crate::openapi::{BodyRule, Operation, Place};
use crate::problem::{Problem, kinds};

/// A message may have 64 KiB.
const LIMIT_MAX: u64 = 100;
const LIMIT: u64 = 20;

/// A message that was set aside.
#[derive(JsonSchema, Serialize)]
struct ParkedMessage {
    /// Under which it is sent again.
    id: String,
    /// What it was meant to be: a channel, or the name of a command.
    message: String,
    /// Why it was set aside.
    reason: String,
    /// As it came; the end of one that was too large is cut off.
    body: String,
}

/// A page of what is parked.
#[derive(JsonSchema, Serialize)]
struct ParkedPage {
    /// In order of their ids.
    items: Vec<ParkedMessage>,
    /// Give it as `after` for the next page; null: there is none.
    next: Option<String>,
}

/// Which message is sent again.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SentAgain {
    /// Its id, as the list has it.
    id: String,
}

/// How a message that was sent again ended; it is parked no more, if this was no dry run.
#[derive(JsonSchema, Serialize)]
struct Decided {
    /// `done` or `refused`.
    outcome: &'static str,
    /// What was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    answer: Option<Box<RawValue>>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// For a dry run: the events that would have been recorded, each with `type` and `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<std::collections::BTreeMap<String, serde_json::Value>>>")]
    events: Option<Vec<Box<RawValue>>>,
}

pub(crate) fn draw(routes: Routes) -> Routes {
    let list = Operation::get("/v1/parked/{service}", "list_parked", "What is parked")
        .path::<String>("service", "The service.")
        .query::<String>("after", "The `next` of the page before.")
        .with(Place::Query, "limit", |_| whole(1, LIMIT_MAX, LIMIT), "At most so many.")
        .responds::<ParkedPage>(200, "A page, in order of the ids.")
        .asks_views()
        .problems(&[&kinds::NOT_FOUND]);
    let about = "It has the effect that it would have had, once, however often it is sent: it \
        keeps its own key, and the request takes none. With `dry_run` it is tried, and stays parked.";
    let replay = Operation::errand(
        "/v1/parked/{service}/replay",
        "replay_parked",
        "Send a parked message again",
    )
    .about(about)
    .path::<String>("service", "The service.")
    .body::<SentAgain>(BodyRule::Object)
    .responds::<Decided>(200, "It was decided.")
    .problems(&[&kinds::NOT_FOUND, &kinds::UNKNOWN_PARKED, &kinds::STILL_PARKED]);
    routes.group("Parked").line(list, list_parked).line(replay, replay_parked)
}

async fn list_parked(request: ApiRequest) -> Answered {
    let service: String = request.path("service")?;
    let limit = request.number("limit", LIMIT, 1..=LIMIT_MAX)?;
    let limit = usize::try_from(limit).expect("at most a thousand");
    let (bus, after) = (request.app.bus.clone(), request.query::<String>("after")?);
    let read = request.app.tasks.block(move || bus.parked(&service, after.as_deref(), limit + 1));
    let mut parked = read.await.map_err(|broken| Problem::broken(&broken))?.map_err(unserved)?;
    let is_more = parked.len() > limit;
    parked.truncate(limit);
    let next = parked.last().filter(|_| is_more).map(|(id, _)| id.to_string());
    let item = |(id, it): (earmark_kernel::Key, Parked)| {
        let Parked { message, reason, body, .. } = it;
        ParkedMessage { id: id.to_string(), message, reason, body }
    };
    let items = parked.into_iter().map(item).collect();
    Ok(answer::json(200, &ParkedPage { items, next }))
}

async fn replay_parked(request: ApiRequest) -> Answered {
    let service: String = request.path("service")?;
    let SentAgain { id } = request.object()?;
    let is_dry_run = request.flag("dry_run")?;
    let bus = request.app.bus.clone();
    if !bus.status().iter().any(|it| it.service == service) {
        return Err(no_such_service());
    }
    // The client may go; what was begun is done whole.
    let replaying =
        async move { bus.replay_parked(&service, &id, is_dry_run).await.map_err(parked_still) };
    let replayed = request.app.tasks.carry(Box::pin(replaying)).await;
    let replayed = replayed.map_err(|broken| Problem::broken(&broken))??;
    let reply = replayed.ok_or_else(|| {
        Problem::new(&kinds::UNKNOWN_PARKED, "nothing is parked under this id").at("id")
    })?;
    let JsonReply { ending, events, .. } = reply;
    let (outcome, answer, detail) = match ending {
        Ok(answer) => ("done", Some(answer), None),
        Err(NotDone::Refused(refused)) => ("refused", None, Some(refused.text)),
        Err(NotDone::Failed(failure)) => return Err(parked_still(failure)),
        Err(NotDone::Unknown(why)) => {
            tracing::error!(why, "the outcome of a parked message is not known");
            let detail = "it is not known whether this was done; send it again: it is done once";
            return Err(Problem::unknown_outcome().saying(detail));
        }
    };
    let events = is_dry_run.then_some(events);
    Ok(answer::json(200, &Decided { outcome, answer, detail, events }))
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

/// What would be said again keeps it parked; the rest may be gone next time.
fn parked_still(failure: Failure) -> Problem {
    match failure {
        Failure::Unreadable { .. } | Failure::NotServed(_) | Failure::KeyReused(_) => {
            Problem::new(&kinds::STILL_PARKED, failure.to_string())
        }
        other => other.into(),
    }
}
