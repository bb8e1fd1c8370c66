//! Batches: created, looked at, changed and closed.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use earmark_contracts::allocation::{
    BatchChanged, BatchRefused, BatchState, ChangeBatch, CloseBatch, CreateBatch, GetBatch,
    MovedLine, batch_etag,
};
use earmark_contracts::values::{BatchReference, Day, Level};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::answer::{self, Answered};
use crate::api_request::ApiRequest;
use crate::command::Completed;
use crate::openapi::{BodyRule, Operation, Place};
use crate::problem::kinds;
use crate::routes::Routes;

/// A batch that is there.
#[derive(JsonSchema, Serialize)]
struct BatchAdded {
    /// The batch.
    batch: BatchState,
    /// The lines that were waiting and now have a place in it.
    moved: Vec<MovedLine>,
}

/// What changes of a batch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchChange {
    /// The units it holds from now on; absent: as before.
    #[serde(default)]
    quantity: Option<Level>,
    /// When it will arrive; null: it has arrived; absent: as before.
    #[serde(default, deserialize_with = "present")]
    eta: Option<Option<Day>>,
    /// Why, for the history; at most 200 characters are kept.
    reason: String,
}

/// Why a batch is closed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BatchClosing {
    /// Why, for the history; at most 200 characters are kept.
    #[serde(default)]
    reason: String,
}

/// Tells a null from an absent field.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Day>>, D::Error> {
    Option::<Day>::deserialize(deserializer).map(Some)
}

pub(crate) fn draw(routes: Routes) -> Routes {
    let create = Operation::post("/v1/batches", "create_batch", "Create a batch")
        .about("The same batch again changes nothing; another under its reference is refused.")
        .body::<CreateBatch>(BodyRule::Object)
        .responds::<BatchAdded>(201, "It is there.")
        .header("Location", "Where it can be looked at.")
        .header("ETag", "Its entity tag.")
        .responds::<BatchAdded>(200, "It was there before.")
        .header("ETag", "Its entity tag.")
        .problems(&[&kinds::BATCH_EXISTS]);
    let get = of_batch(Operation::get("/v1/batches/{reference}", "get_batch", "Look at a batch"))
        .with(
            Place::Header,
            "If-None-Match",
            |_| json_schema!({ "type": "string" }),
            "Entity tags that are known: 304 if one of them is still right.",
        )
        .responds::<BatchState>(200, "The batch.")
        .header("ETag", "Its entity tag.")
        .tells_as(304, "It is as the tag says.", &[], None)
        .header("ETag", "Its entity tag.")
        .asks_views();
    let about = "Lines move where they must, in the same step. With `dry_run=true` nothing is kept, \
        and `plan` can be given as `If-Match` to demand that exactly this is done.";
    let change = Operation::patch("/v1/batches/{reference}", "change_batch", "Change a batch");
    let change = if_match(of_batch(change))
        .about(about)
        .body::<BatchChange>(BodyRule::Object)
        .responds::<BatchChanged>(200, "The batch as it is now, and the lines that moved.")
        .header("ETag", "Its entity tag.")
        .problems(&[&kinds::BATCH_CLOSED]);
    let close = Operation::post("/v1/batches/{reference}/close", "close_batch", "Close a batch");
    let close = if_match(of_batch(close))
        .about("It is taken out; its lines move.")
        .body::<BatchClosing>(BodyRule::OptionalObject)
        .responds::<BatchChanged>(200, "The batch as it is now, and the lines that moved.")
        .header("ETag", "Its entity tag.")
        .problems(&[&kinds::BATCH_CLOSED]);
    routes
        .line(create, create_batch)
        .line(get, get_batch)
        .line(change, change_batch)
        .line(close, close_batch)
}

fn of_batch(operation: Operation) -> Operation {
    operation
        .path::<BatchReference>("reference", "The batch's reference.")
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
            Place::Header,
            "If-Match",
            tags,
            "Do it only if the batch has one of these entity tags, or the stock is as this plan says.",
        )
        .problems(&[&kinds::CHANGED])
}

async fn create_batch(request: ApiRequest) -> Answered {
    let done = request.send(request.object::<CreateBatch>()?).await?;
    let status = if done.answer.existed { 200 } else { 201 };
    let location = answer::address("/v1/batches", &[&done.answer.batch.reference.0]);
    let is_created = done.status(status) == 201;
    let tag = batch_etag(&done.answer.batch);
    let answer = tagged(done, status, &tag, |it| BatchAdded { batch: it.batch, moved: it.moved });
    Ok(match is_created {
        true => answer::with_header(answer, header::LOCATION, &location),
        false => answer,
    })
}

async fn get_batch(request: ApiRequest) -> Answered {
    let reference: BatchReference = request.path("reference")?;
    let batch = request.app.bus.ask(GetBatch { reference: reference.clone() })?;
    let batch = batch.ok_or(BatchRefused::UnknownBatch { reference })?;
    let tag = batch_etag(&batch);
    let answer = if request.has_already(&tag) {
        axum::http::StatusCode::NOT_MODIFIED.into_response()
    } else {
        answer::json(200, &batch)
    };
    let answer = answer::with_header(answer, header::CACHE_CONTROL, "no-cache");
    Ok(answer::with_header(answer, header::ETAG, &format!("\"{tag}\"")))
}

async fn change_batch(request: ApiRequest) -> Answered {
    let change: BatchChange = request.object()?;
    let command = ChangeBatch {
        reference: request.path("reference")?,
        quantity: change.quantity,
        eta: change.eta,
        reason: change.reason,
        if_match: request.if_match()?,
    };
    let done = request.send(command).await?;
    Ok(changed(done))
}

async fn close_batch(request: ApiRequest) -> Answered {
    let closing: BatchClosing = request.object_or_nothing()?;
    let command = CloseBatch {
        reference: request.path("reference")?,
        reason: closing.reason,
        if_match: request.if_match()?,
    };
    let done = request.send(command).await?;
    Ok(changed(done))
}

fn changed(done: Completed<BatchChanged>) -> Response {
    let tag = batch_etag(&done.answer.batch);
    tagged(done, 200, &tag, |changed| changed)
}

/// An answer with the entity tag of the batch; one that is only rehearsed has none.
fn tagged<A, B: Serialize>(
    done: Completed<A>,
    status: u16,
    tag: &str,
    told: impl FnOnce(A) -> B,
) -> Response {
    let is_dry_run = done.is_dry_run();
    let answer = done.json(status, told);
    if is_dry_run {
        return answer;
    }
    answer::with_header(answer, header::ETAG, &format!("\"{tag}\""))
}
