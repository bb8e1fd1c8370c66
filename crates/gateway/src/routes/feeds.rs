//! Feeds: the public events of a service as CloudEvents, read from any sequence number on.

use std::time::Duration;

use earmark_kernel::{Failure, PublicRecord};
use schemars::{JsonSchema, SchemaGenerator, json_schema};

use super::parameters::{self, AFTER_MAX, whole};
use super::table::RouteTable;
use crate::api_request::ApiRequest;
use crate::http::{HttpResult, response};
use crate::openapi::{Operation, ParameterIn};
use crate::problem::{Problem, kinds};

const LIMIT_MAX: u64 = 1_000;
const LIMIT_DEFAULT: u64 = 100;
const WAIT_S_MAX: u64 = 30;

/// The media type of a batch of CloudEvents in JSON.
const CLOUDEVENTS_BATCH: &str = "application/cloudevents-batch+json";

/// A public event in the JSON format of CloudEvents 1.0.
// The schema of what `PublicRecord::cloud_event` writes; a test of the feeds compares the two.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used; the kernel writes the event")]
struct CloudEvent {
    /// Always `1.0`.
    specversion: String,
    /// Unique and stable.
    id: String,
    /// `/service/partition`.
    source: String,
    /// The name of the event.
    #[schemars(rename = "type")]
    name: String,
    /// When it was decided (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    time: String,
    /// Always `application/json`.
    datacontenttype: String,
    /// The key of the aggregate that changed, for example the SKU.
    partitionkey: String,
    /// The sequence number of the event in its partition, in decimal digits. A string, because
    /// integers of CloudEvents end at 2^31.
    #[schemars(extend("pattern" = "^[1-9][0-9]*$"))]
    sequence: String,
    /// The sequence number of the public event before it; `0` if there is none. A reader whose
    /// last event has another number has missed events, and reads again from its last event on.
    #[schemars(extend("pattern" = "^(0|[1-9][0-9]*)$"))]
    previous: String,
    /// The id of the command that caused it.
    causationid: String,
    /// The `X-Correlation-Id` of the first command of the chain, or the id of that command.
    correlationid: String,
    /// What happened.
    data: serde_json::Value,
}

pub(crate) fn add(table: RouteTable) -> RouteTable {
    let partition = |_: &mut _| json_schema!({ "type": "integer", "minimum": 0 });
    let after = |_: &mut _| whole(0, AFTER_MAX, 0);
    let wait_s = |_: &mut _| whole(0, WAIT_S_MAX, 0);
    let description = "The public events of one partition, oldest first. To continue, give the \
        `sequence` of the last event as `after`. With `wait_s` the response is delayed until there \
        is a new event. `previous` of each event is the `sequence` of the public event before it.";
    let feed = Operation::get("/v1/feeds/{service}/{partition}", "read_feed", "Read public events")
        .description(description)
        .path::<String>("service", "The service.")
        .with(ParameterIn::Path, "partition", partition, "The partition, counted from 0.")
        .with(ParameterIn::Query, "after", after, "Only events after this sequence number.");
    let feed = parameters::limit(feed, |_| whole(1, LIMIT_MAX, LIMIT_DEFAULT))
        .with(
            ParameterIn::Query,
            "wait_s",
            wait_s,
            "Seconds to wait for a new event, at most; after that the response is empty.",
        )
        .responds_as(
            200,
            "The events, oldest first.",
            &[CLOUDEVENTS_BATCH],
            Some(SchemaGenerator::subschema_for::<Vec<CloudEvent>>),
        )
        .reads_views()
        .problems(&[&kinds::UNKNOWN_FEED]);
    table.group("Feeds").route(feed, read_feed)
}

/// The part of a feed that a request reads.
#[derive(Clone)]
struct FeedSlice {
    service: String,
    partition: usize,
    after: u64,
    limit: usize,
}

async fn read_feed(request: ApiRequest) -> HttpResult {
    let limit = request.number("limit", LIMIT_DEFAULT, 1..=LIMIT_MAX)?;
    let slice = FeedSlice {
        service: request.path("service")?,
        partition: partition(&request.path::<String>("partition")?)?,
        after: request.number("after", 0, 0..=AFTER_MAX)?,
        limit: usize::try_from(limit).expect("at most a thousand"),
    };
    let wait = Duration::from_secs(request.number("wait_s", 0, 0..=WAIT_S_MAX)?);
    let events = if wait.is_zero() {
        read(&request, slice).await?
    } else {
        let reading = wait_and_read(&request, slice);
        let reading = request.app.stopping.run_until_cancelled(reading);
        let read = tokio::time::timeout(wait, reading).await;
        read.ok().flatten().transpose()?.unwrap_or_default()
    };
    let events: Vec<String> = events.iter().map(PublicRecord::cloud_event).collect();
    let body = format!("[{}]", events.join(","));
    Ok(response::from_bytes(200, CLOUDEVENTS_BATCH, body))
}

/// Reads as soon as there is an event.
async fn wait_and_read(
    request: &ApiRequest,
    mut slice: FeedSlice,
) -> Result<Vec<PublicRecord>, Problem> {
    let bus = &request.app.bus;
    let head = bus.watch_head(&slice.service, slice.partition);
    let mut head = head.map_err(unserved)?;
    loop {
        let seen = *head.borrow_and_update();
        let events = read(request, slice.clone()).await?;
        if !events.is_empty() {
            return Ok(events);
        }
        // There is no public event up to here, so the next attempt starts after it.
        slice.after = slice.after.max(seen);
        if head.wait_for(|head| *head > slice.after).await.is_err() {
            return Ok(Vec::new());
        }
    }
}

/// Reads from the log, on a thread that may block.
async fn read(request: &ApiRequest, slice: FeedSlice) -> Result<Vec<PublicRecord>, Problem> {
    let bus = request.app.bus.clone();
    let FeedSlice { service, partition, after, limit } = slice;
    let tasks = &request.app.tasks;
    let reading = tasks.spawn_blocking(move || bus.feed(&service, partition, after, limit));
    reading.await.map_err(|panicked| Problem::panicked(&panicked))?.map_err(unserved)
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
    if !is_plain {
        return Err(Problem::input("partition", "partition must be a whole number from 0"));
    }
    // A number that does not fit is one that no partition has.
    Ok(text.parse().unwrap_or(usize::MAX))
}
