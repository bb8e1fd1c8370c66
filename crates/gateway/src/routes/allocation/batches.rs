//! Batches: created, read, changed and closed.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use earmark_contracts::allocation::{
    BatchChanged, BatchRefused, BatchState, ChangeBatch, CloseBatch, CreateBatch, GetBatch,
    MovedLine, batch_etag,
};
use earmark_contracts::values::{BatchReference, Day, Level};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::api_request::ApiRequest;
use crate::command::Completed;
use crate::http::{HttpResult, headers, response};
use crate::openapi::{BodyRule, Operation, ParameterIn};
use crate::problem::kinds;
use crate::routes::table::RouteTable;

/// A batch that was created.
#[derive(JsonSchema, Serialize)]
struct BatchAdded {
    /// The batch.
    batch: BatchState,
    /// The lines that waited for stock and are now allocated to it.
    moved: Vec<MovedLine>,
}

/// The changes to a batch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchChange {
    /// Its new quantity, in units; absent: unchanged.
    #[serde(default)]
    quantity: Option<Level>,
    /// The day on which it will arrive; null: it has arrived; absent: unchanged.
    #[serde(default, deserialize_with = "present")]
    eta: Option<Option<Day>>,
    /// The reason, for the history; at most 200 characters are stored.
    reason: String,
}

/// Why a batch is closed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BatchClosing {
    /// The reason, for the history; at most 200 characters are stored.
    #[serde(default)]
    reason: String,
}

/// Distinguishes null from an absent field.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Day>>, D::Error> {
    Option::<Day>::deserialize(deserializer).map(Some)
}

pub(super) fn add(table: RouteTable) -> RouteTable {
    let create = Operation::post("/v1/batches", "create_batch", "Create a batch")
        .description(
            "Adds stock of a SKU, in the warehouse or on its way. Lines that wait for stock are \
             allocated to it. Creating the same batch again changes nothing; a different batch with \
             the same reference is refused.",
        )
        .body::<CreateBatch>(BodyRule::Object)
        .responds::<BatchAdded>(201, "The batch was created.")
        .header("Location", "The path of the batch.")
        .header("ETag", "The entity tag of the batch.")
        .responds::<BatchAdded>(200, "The batch existed before; nothing changed.")
        .header("ETag", "The entity tag of the batch.")
        .problems(&[&kinds::BATCH_EXISTS]);
    let get = of_batch(Operation::get("/v1/batches/{reference}", "get_batch", "Get a batch"))
        .description("One batch with its quantities, its state and its entity tag.")
        .with(
            ParameterIn::Header,
            "If-None-Match",
            |_| json_schema!({ "type": "string" }),
            "Entity tags of the caller's copies. If one of them is current, the status is 304.",
        )
        .responds::<BatchState>(200, "The batch.")
        .header("ETag", "The entity tag of the batch.")
        .responds_as(304, "The caller's copy is current.", &[], None)
        .header("ETag", "The entity tag of the batch.")
        .reads_views();
    let description = "Changes the quantity or the ETA of a batch. Lines that no longer fit move to \
        other batches in the same step. With `dry_run=true` nothing is recorded; the `plan` of that \
        response can be sent as `If-Match`, so that exactly this plan is carried out or nothing.";
    let change = Operation::patch("/v1/batches/{reference}", "change_batch", "Change a batch");
    let change = if_match(of_batch(change))
        .description(description)
        .body::<BatchChange>(BodyRule::Object)
        .responds::<BatchChanged>(200, "The batch after the change, and the lines that moved.")
        .header("ETag", "The entity tag of the batch.")
        .problems(&[&kinds::BATCH_CLOSED]);
    let close = Operation::post("/v1/batches/{reference}/close", "close_batch", "Close a batch");
    let close = if_match(of_batch(close))
        .description(
            "Takes a batch out of stock for good. Its lines move to other batches in the same step.",
        )
        .body::<BatchClosing>(BodyRule::OptionalObject)
        .responds::<BatchChanged>(200, "The batch after the change, and the lines that moved.")
        .header("ETag", "The entity tag of the batch.")
        .problems(&[&kinds::BATCH_CLOSED]);
    table
        .route(create, create_batch)
        .route(get, get_batch)
        .route(change, change_batch)
        .route(close, close_batch)
}

fn of_batch(operation: Operation) -> Operation {
    operation
        .path::<BatchReference>("reference", "The reference of the batch.")
        .problems(&[&kinds::UNKNOWN_BATCH])
}

fn if_match(operation: Operation) -> Operation {
    let tags = |_: &mut _| {
        json_schema!({ "anyOf": [
            { "const": "*" },
            { "type": "string", "pattern": "^\"[!#-~]+\"(, \"[!#-~]+\")*$" },
        ] })
    };
    operation
        .with(
            ParameterIn::Header,
            "If-Match",
            tags,
            "The change is made only if the batch has one of these entity tags, or if it is the one \
             of this plan.",
        )
        .problems(&[&kinds::CHANGED])
}

async fn create_batch(request: ApiRequest) -> HttpResult {
    let done = request.send(request.object::<CreateBatch>()?).await?;
    let status = if done.answer.existed { 200 } else { 201 };
    let location = response::path("/v1/batches", &[&done.answer.batch.reference.0]);
    let is_created = done.status(status) == 201;
    let tag = batch_etag(&done.answer.batch);
    let response = tagged(done, status, &tag, |it| BatchAdded { batch: it.batch, moved: it.moved });
    Ok(match is_created {
        true => response::with_header(response, header::LOCATION, &location),
        false => response,
    })
}

async fn get_batch(request: ApiRequest) -> HttpResult {
    let reference: BatchReference = request.path("reference")?;
    let batch = request.app.bus.ask(GetBatch { reference: reference.clone() })?;
    let batch = batch.ok_or(BatchRefused::UnknownBatch { reference })?;
    let tag = batch_etag(&batch);
    let response = if headers::if_none_match_contains(&request.headers, &tag) {
        axum::http::StatusCode::NOT_MODIFIED.into_response()
    } else {
        response::json(200, &batch)
    };
    let response = response::with_header(response, header::CACHE_CONTROL, "no-cache");
    Ok(response::with_header(response, header::ETAG, &format!("\"{tag}\"")))
}

async fn change_batch(request: ApiRequest) -> HttpResult {
    let change: BatchChange = request.object()?;
    let command = ChangeBatch {
        reference: request.path("reference")?,
        quantity: change.quantity,
        eta: change.eta,
        reason: change.reason,
        if_match: headers::if_match(&request.headers)?,
    };
    let done = request.send(command).await?;
    Ok(changed(done))
}

async fn close_batch(request: ApiRequest) -> HttpResult {
    let closing: BatchClosing = request.optional_object()?;
    let command = CloseBatch {
        reference: request.path("reference")?,
        reason: closing.reason,
        if_match: headers::if_match(&request.headers)?,
    };
    let done = request.send(command).await?;
    Ok(changed(done))
}

fn changed(done: Completed<BatchChanged>) -> Response {
    let tag = batch_etag(&done.answer.batch);
    tagged(done, 200, &tag, |changed| changed)
}

/// A response with the entity tag of the batch; a dry run has none.
fn tagged<A, B: Serialize>(
    done: Completed<A>,
    status: u16,
    tag: &str,
    body: impl FnOnce(A) -> B,
) -> Response {
    let is_dry_run = done.is_dry_run();
    let response = done.json(status, body);
    if is_dry_run {
        return response;
    }
    response::with_header(response, header::ETAG, &format!("\"{tag}\""))
}
