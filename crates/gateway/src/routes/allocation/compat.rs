//! The book's routes, byte for byte: *Architecture Patterns with Python*, chapters 9 and 11.

use earmark_contracts::allocation::{
    Allocate, AllocateRefused, BatchRefused, CreateBatch, GetLines, LinePhase, Outcome, WhenShort,
};
use earmark_contracts::values::{BatchReference, Day, OrderId, Priority, Quantity, Sku};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::answer::{self, Answered};
use crate::api_request::ApiRequest;
use crate::command::mark;
use crate::openapi::{BodyRule, Operation};
use crate::problem::{Problem, kinds};
use crate::routes::Routes;

/// A batch as the book writes it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddBatch {
    /// Unique over all SKUs.
    #[serde(rename = "ref")]
    reference: BatchReference,
    sku: Sku,
    qty: Quantity,
    /// When it will arrive; null or absent: it is in the warehouse.
    #[serde(default)]
    #[schemars(schema_with = "day_or_moment")]
    eta: Option<Day>,
}

/// A line as the book writes it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AllocateLine {
    orderid: OrderId,
    sku: Sku,
    qty: Quantity,
}

/// Where a line went.
#[derive(JsonSchema, Serialize)]
struct Allocated {
    /// The batch; null: there is no stock.
    batchref: Option<BatchReference>,
}

/// A line of an order, as the book's view has it.
#[derive(JsonSchema, Serialize)]
struct BookAllocation {
    sku: Sku,
    batchref: BatchReference,
}

/// What is said of a batch that would have been added.
#[derive(Serialize)]
struct Nothing {}

fn day_or_moment(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [
        { "type": "string", "format": "date" },
        { "type": "string", "format": "date-time" },
        { "type": "null" },
    ] })
}

pub(crate) fn draw(routes: Routes) -> Routes {
    let add_batch = Operation::post("/add_batch", "book_add_batch", "Add a batch")
        .body::<AddBatch>(BodyRule::Object)
        .tells_as(201, "It is there: `OK`.", &["text/html"], None)
        .responds::<serde_json::Map<String, serde_json::Value>>(200, "What a dry run would record.")
        .problems(&[&kinds::BATCH_EXISTS]);
    let allocate = Operation::post("/allocate", "book_allocate", "Allocate a line")
        .about("The line's id is its SKU. The same line again gives the same answer.")
        .body::<AllocateLine>(BodyRule::Object)
        .responds::<Allocated>(201, "The batch that it went to; null: there is no stock.")
        .responds::<Allocated>(200, "What a dry run would do.")
        .fails_as(400, &kinds::UNKNOWN_SKU)
        .problems(&[&kinds::LINE_EXISTS]);
    let allocations = Operation::get(
        "/allocations/{order_id}",
        "book_allocations",
        "The allocations of an order",
    )
    .path::<OrderId>("order_id", "The order.")
    .responds::<Vec<BookAllocation>>(200, "Its lines that have a batch.")
    .asks_views()
    .problems(&[&kinds::UNKNOWN_ORDER]);
    routes.line(add_batch, add).line(allocate, place).line(allocations, list)
}

async fn add(request: ApiRequest) -> Answered {
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
        return Ok(done.json(200, |_| Nothing {}));
    }
    let answer = answer::bytes(201, "text/html; charset=utf-8", "OK");
    Ok(mark(answer, done.is_replayed()))
}

async fn place(request: ApiRequest) -> Answered {
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

async fn list(request: ApiRequest) -> Answered {
    let order_id: OrderId = request.path("order_id")?;
    let detail = format!("there are no allocations for order {}", order_id.0);
    let lines = request.app.bus.ask(GetLines { order_id, line_id: None })?;
    let lines = lines.into_iter().filter(|line| line.state != LinePhase::Held);
    let allocated = lines.filter_map(|line| {
        let batchref = line.batch?;
        Some(BookAllocation { sku: line.sku, batchref })
    });
    let allocated: Vec<_> = allocated.collect();
    if allocated.is_empty() {
        return Err(Problem::new(&kinds::UNKNOWN_ORDER, detail).at("order_id"));
    }
    Ok(answer::json(200, &allocated))
}

/// The book's clients read exactly these words, with 400.
fn allocate_refused(refused: AllocateRefused) -> Problem {
    let status = match &refused {
        AllocateRefused::UnknownSku { .. } => 400,
        AllocateRefused::LineExists { .. } => 409,
    };
    in_the_books_words(refused.into()).status(status)
}

fn batch_refused(refused: BatchRefused) -> Problem {
    in_the_books_words(refused.into())
}

/// The field at fault, by the name that it has in the book.
fn in_the_books_words(problem: Problem) -> Problem {
    match problem.field() {
        Some("quantity") => problem.at("qty"),
        Some("reference") => problem.at("ref"),
        _ => problem,
    }
}
