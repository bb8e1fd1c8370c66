//! The API of *Architecture Patterns with Python* (chapters 9 and 11), byte for byte.

use earmark_contracts::allocation::{
    Allocate, AllocateRefused, BatchRefused, CreateBatch, GetLines, LinePhase, Outcome, WhenShort,
};
use earmark_contracts::values::{BatchReference, Day, OrderId, Priority, Quantity, Sku};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::api_request::ApiRequest;
use crate::http::HttpResult;
use crate::http::response::{self, mark_replayed};
use crate::openapi::{BodyRule, Operation};
use crate::problem::{Problem, kinds};
use crate::routes::table::RouteTable;

/// A batch, with the field names of the book.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddBatch {
    /// Unique over all SKUs.
    #[serde(rename = "ref")]
    reference: BatchReference,
    sku: Sku,
    qty: Quantity,
    /// The day on which it will arrive; null or absent: it is in the warehouse.
    #[serde(default)]
    #[schemars(schema_with = "day_or_moment")]
    eta: Option<Day>,
}

/// A line, with the field names of the book.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AllocateLine {
    orderid: OrderId,
    sku: Sku,
    qty: Quantity,
}

/// The batch of a line.
#[derive(JsonSchema, Serialize)]
struct Allocated {
    /// The reference of the batch; null: there is no stock.
    batchref: Option<BatchReference>,
}

/// An allocated line of an order, with the field names of the book.
#[derive(JsonSchema, Serialize)]
struct CompatAllocation {
    sku: Sku,
    batchref: BatchReference,
}

/// The body of a dry run that adds a batch, apart from what every dry run has.
#[derive(Serialize)]
struct Empty {}

fn day_or_moment(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [
        { "type": "string", "format": "date" },
        { "type": "string", "format": "date-time" },
        { "type": "null" },
    ] })
}

pub(super) fn add(table: RouteTable) -> RouteTable {
    let add = Operation::post("/add_batch", "book_add_batch", "Add a batch")
        .description(
            "Adds stock of a SKU, in the warehouse or on its way. New clients use `POST /v1/batches`.",
        )
        .body::<AddBatch>(BodyRule::Object)
        .responds_as(201, "The batch was added: `OK`.", &["text/html"], None)
        .responds::<serde_json::Map<String, serde_json::Value>>(200, "A dry run: what would have been recorded.")
        .problems(&[&kinds::BATCH_EXISTS]);
    let allocate = Operation::post("/allocate", "book_allocate", "Allocate a line")
        .description(
            "Allocates an order line to a batch. The SKU is the id of the line; sending the same line \
             again returns the same batch. New clients use `POST /v1/allocations`.",
        )
        .body::<AllocateLine>(BodyRule::Object)
        .responds::<Allocated>(201, "The batch of the line; null: there is no stock.")
        .responds::<Allocated>(200, "A dry run: what would have been done.")
        .problem_as(400, &kinds::UNKNOWN_SKU)
        .problems(&[&kinds::LINE_EXISTS]);
    let allocations = Operation::get(
        "/allocations/{order_id}",
        "book_allocations",
        "List the allocations of an order",
    )
    .description(
        "The allocated lines of an order. New clients use `GET /v1/orders/{order_id}/allocations`.",
    )
    .path::<OrderId>("order_id", "The order.")
    .responds::<Vec<CompatAllocation>>(200, "The lines of the order that have a batch.")
    .reads_views()
    .problems(&[&kinds::UNKNOWN_ORDER]);
    table.route(add, add_batch).route(allocate, allocate_line).route(allocations, list_allocations)
}

async fn add_batch(request: ApiRequest) -> HttpResult {
    let batch: AddBatch = request.object()?;
    let command = CreateBatch {
        reference: batch.reference,
        sku: batch.sku,
        quantity: batch.qty,
        eta: batch.eta,
        expires: None,
    };
    let done = request.send_or(command, batch_refused).await?;
    if done.is_dry_run() {
        return Ok(done.json(200, |_| Empty {}));
    }
    let response = response::from_bytes(201, "text/html; charset=utf-8", "OK");
    Ok(mark_replayed(response, done.is_replayed()))
}

async fn allocate_line(request: ApiRequest) -> HttpResult {
    let line: AllocateLine = request.object()?;
    let command = Allocate {
        order_id: line.orderid,
        line_id: None,
        sku: line.sku,
        quantity: line.qty,
        need_by: None,
        priority: Priority::default(),
        short: WhenShort::Reject,
    };
    let done = request.send_or(command, allocate_refused).await?;
    let batchref = match &done.answer.outcome {
        Outcome::Placed { line, .. } => line.batch.clone(),
        Outcome::Short { .. } | Outcome::OutOfStock { .. } => None,
    };
    Ok(done.json(201, |_| Allocated { batchref }))
}

async fn list_allocations(request: ApiRequest) -> HttpResult {
    let order_id: OrderId = request.path("order_id")?;
    let detail = format!("there are no allocations for order {}", order_id.0);
    let lines = request.app.bus.ask(GetLines { order_id, line_id: None })?;
    let lines = lines.into_iter().filter(|line| line.state != LinePhase::Held);
    let allocated = lines.filter_map(|line| {
        let batchref = line.batch?;
        Some(CompatAllocation { sku: line.sku, batchref })
    });
    let allocated: Vec<_> = allocated.collect();
    if allocated.is_empty() {
        return Err(Problem::new(&kinds::UNKNOWN_ORDER, detail).at("order_id"));
    }
    Ok(response::json(200, &allocated))
}

/// The clients of the book expect status 400 and exactly this message.
fn allocate_refused(refused: AllocateRefused) -> Problem {
    let status = match &refused {
        AllocateRefused::UnknownSku { .. } => 400,
        AllocateRefused::LineExists { .. } => 409,
    };
    with_compat_field(refused.into()).with_status(status)
}

fn batch_refused(refused: BatchRefused) -> Problem {
    with_compat_field(refused.into())
}

/// Replaces the name of the invalid field with its name in the book.
fn with_compat_field(problem: Problem) -> Problem {
    match problem.field() {
        Some("quantity") => problem.at("qty"),
        Some("reference") => problem.at("ref"),
        _ => problem,
    }
}
