//! Feeds: the public events of a service, as CloudEvents, from any number on.

use std::time::Duration;

use earmark_kernel::{Failure, PublicRecord};
use schemars::{JsonSchema, Schema, json_schema};

use super::Routes;
use crate::answer::{self, Answered};
use crate::api_request::ApiRequest;
use crate::openapi::{Operation, Place};
use crate::problem::{Problem, kinds};
use crate::tasks::unless;

const LIMIT_MAX: u64 = 1_000;
const LIMIT: u64 = 100;
const WAIT_S_MAX: u64 = 30;
const AFTER_MAX: u64 = i64::MAX as u64;

/// A public event, as CloudEvents 1.0 has it in JSON: what [`PublicRecord::cloud_event`] writes.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "says what the kernel writes, and is written nowhere")]
struct CloudEvent {
    /// Always `1.0`.
    specversion: String,
    /// Unique and stable.
    id: String,
    /// `/service/partition`.
    source: String,
    /// The event's name.
    #[schemars(rename = "type")]
    name: String,
    /// When it was decided, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    time: String,
    /// Always `application/json`.
    datacontenttype: String,
    /// The key of what it happened to, say the SKU.
    partitionkey: String,
    /// The event's number in its partition, decimal digits. A text, since CloudEvents' own whole
    /// numbers end at 2^31.
    #[schemars(extend("pattern" = "^[1-9][0-9]*$"))]
    sequence: String,
    /// The number of the public event before it, `0` if there is none: who has seen another last
    /// one has missed something and asks for what comes after it.
    #[schemars(extend("pattern" = "^(0|[1-9][0-9]*)$"))]
    previous: String,
    /// The id of the command that caused it.
    causationid: String,
    /// What it belongs to: what the first command of a chain said (`X-Correlation-Id`), or its id.
    correlationid: String,
    /// What happened.
    data: serde_json::Value,
}

pub(crate) fn draw(routes: Routes) -> Routes {
    let about = "Give the `sequence` of the last event seen as `after`. With `wait_s` the answer \
        waits for something new. `previous` of each event is the `sequence` of the one before it.";
    let feed = Operation::get("/v1/feeds/{service}/{partition}", "read_feed", "Public events")
        .about(about)
        .path::<String>("service", "The service.")
        .with(
            Place::Path,
            "partition",
            |_| json_schema!({ "type": "integer", "minimum": 0 }),
            "The partition, counted from 0.",
        )
        .with(Place::Query, "after", |_| whole(0, AFTER_MAX, 0), "Only events after this number.")
        .with(Place::Query, "limit", |_| whole(1, LIMIT_MAX, LIMIT), "At most so many.")
        .with(
            Place::Query,
            "wait_s",
            |_| whole(0, WAIT_S_MAX, 0),
            "Wait at most so many seconds for something new.",
        )
        .tells_as(
            200,
            "The events, oldest first.",
            &[BATCH],
            Some(schemars::SchemaGenerator::subschema_for::<Vec<CloudEvent>>),
        )
        .asks_views()
        .problems(&[&kinds::UNKNOWN_FEED]);
    routes.group("Feeds").line(feed, read_feed)
}

/// A whole number of a query.
pub(super) fn whole(from: u64, to: u64, default: u64) -> Schema {
    json_schema!({ "type": "integer", "minimum": from, "maximum": to, "default": default })
}

/// The media type of a batch of CloudEvents in JSON.
const BATCH: &str = "application/cloudevents-batch+json";

/// A part of a feed.
#[derive(Clone)]
struct Part {
    service: String,
    partition: usize,
    after: u64,
    limit: usize,
}

async fn read_feed(request: ApiRequest) -> Answered {
    let part = Part {
        service: request.path("service")?,
        partition: partition(&request.path::<String>("partition")?)?,
        after: request.number("after", 0, 0..=AFTER_MAX)?,
        limit: usize::try_from(request.number("limit", LIMIT, 1..=LIMIT_MAX)?).expect("a thousand"),
    };
    let wait = Duration::from_secs(request.number("wait_s", 0, 0..=WAIT_S_MAX)?);
    let events = if wait.is_zero() {
        read(&request, part).await?
    } else {
        let stopping = request.app.stopping.subscribe();
        let found = tokio::time::timeout(wait, unless(stopping, wait_and_read(&request, part)));
        found.await.ok().flatten().transpose()?.unwrap_or_default()
    };
    let events: Vec<String> = events.iter().map(PublicRecord::cloud_event).collect();
    let body = format!("[{}]", events.join(","));
    Ok(answer::bytes(200, BATCH, body))
}

/// Reads as soon as there is something to read.
async fn wait_and_read(request: &ApiRequest, mut part: Part) -> Result<Vec<PublicRecord>, Problem> {
    let bus = &request.app.bus;
    let head = bus.watch_head(&part.service, part.partition);
    let mut head = head.map_err(unserved)?;
    loop {
        let seen = *head.borrow_and_update();
        let events = read(request, part.clone()).await?;
        if !events.is_empty() {
            return Ok(events);
        }
        // Nothing public up to here: only what comes later is looked at again.
        part.after = part.after.max(seen);
        if head.wait_for(|head| *head > part.after).await.is_err() {
            return Ok(Vec::new());
        }
    }
}

/// Reads from the log, on a thread that may block.
async fn read(request: &ApiRequest, part: Part) -> Result<Vec<PublicRecord>, Problem> {
    let bus = request.app.bus.clone();
    let reading = request
        .app
        .tasks
        .block(move || bus.feed(&part.service, part.partition, part.after, part.limit));
    reading.await.map_err(|broken| Problem::broken(&broken))?.map_err(unserved)
}

fn unserved(failure: Failure) -> Problem {
    match failure {
        Failure::NotServed(_) => Problem::new(
            &kinds::UNKNOWN_FEED,
            "there is no such service, or no such partition of it",
        )
        .at("service"),
        other => other.into(),
    }
}

fn partition(text: &str) -> Result<usize, Problem> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let bad = || Problem::input("partition", "partition must be a whole number from 0");
    if !is_plain {
        return Err(bad());
    }
    // A number beyond all partitions is one that there is not.
    Ok(text.parse().unwrap_or(usize::MAX))
}
