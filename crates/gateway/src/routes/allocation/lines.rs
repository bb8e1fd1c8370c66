//! Lines: allocated, read, explained and released.

use axum::http::header;
use earmark_contracts::allocation::{
    Allocate, Deallocate, ExplainLine, ExplainedLine, GetLines, LineRefused, LineReleased,
    LineState, Outcome,
};
use earmark_contracts::values::{LineId, OrderId, Sku};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api_request::ApiRequest;
use crate::http::{HttpResult, response};
use crate::openapi::{BodyRule, Operation};
use crate::problem::{Problem, kinds};
use crate::routes::table::RouteTable;

/// The lines of an order.
#[derive(JsonSchema, Serialize)]
struct OrderLines {
    /// The order.
    order_id: OrderId,
    /// Its lines, both allocated and waiting for stock, in order of line id.
    lines: Vec<LineState>,
}

pub(super) fn add(table: RouteTable) -> RouteTable {
    let allocate = Operation::post("/v1/allocations", "allocate", "Allocate a line")
        .description(
            "Allocates an order line to one batch that can take all of it: a batch in the warehouse \
             first, then the one with the earliest ETA. With `short: \"queue\"` the line waits if there \
             is no stock.",
        )
        .body::<Allocate>(BodyRule::Object)
        .responds::<Outcome>(201, "The line was allocated.")
        .header("Location", "The path of the line.")
        .responds::<Outcome>(200, "The line was accepted before; nothing changed.")
        .responds::<Outcome>(202, "The line waits for stock (`short: \"queue\"`).")
        .problems(&[&kinds::UNKNOWN_SKU, &kinds::OUT_OF_STOCK, &kinds::LINE_EXISTS]);
    const LINE: &str = "/v1/allocations/{order_id}/{line_id}";
    let get = of_line(Operation::get(LINE, "get_line", "Get a line"))
        .description("One line with its state, its batch and its promise date.")
        .responds::<LineState>(200, "The line.")
        .reads_views();
    let release = of_line(Operation::delete(LINE, "release_line", "Release a line"))
        .query::<Option<String>>(
            "reason",
            "The reason, for the history; at most 200 characters are stored.",
        )
        .description("Takes a line off its batch. Lines that wait for stock may get the units.")
        .responds::<LineReleased>(200, "The line was released.")
        .problems(&[&kinds::WRONG_PHASE]);
    let explain = Operation::get(
        "/v1/allocations/{order_id}/{line_id}/explain",
        "explain_line",
        "Explain an allocation",
    );
    let explain = of_line(explain)
        .description(
            "Why a line has its batch: the batches as they were when it was last allocated.",
        )
        .responds::<ExplainedLine>(
            200,
            "The chosen batch, and why each other batch was passed over.",
        )
        .reads_views();
    let order = Operation::get(
        "/v1/orders/{order_id}/allocations",
        "get_order_lines",
        "List the lines of an order",
    )
    .description("All lines of an order that were not released.")
    .path::<OrderId>("order_id", "The order.")
    .responds::<OrderLines>(200, "The lines, both allocated and waiting for stock.")
    .reads_views()
    .problems(&[&kinds::UNKNOWN_ORDER]);
    table
        .route(allocate, allocate_line)
        .route(get, get_line)
        .route(release, release_line)
        .route(explain, explain_line)
        .route(order, order_lines)
}

fn of_line(operation: Operation) -> Operation {
    operation
        .path::<OrderId>("order_id", "The order.")
        .path::<LineId>("line_id", "The line id; the SKU if the order gave no line id.")
        .query::<Sku>("sku", "Required only if the order uses the line id for several SKUs.")
        .problems(&[&kinds::UNKNOWN_LINE, &kinds::AMBIGUOUS_LINE])
}

async fn allocate_line(request: ApiRequest) -> HttpResult {
    let done = request.send(request.object::<Allocate>()?).await?;
    let (status, line) = match &done.answer.outcome {
        Outcome::OutOfStock { .. } => {
            let problem = out_of_stock(&done.answer.outcome);
            return Err(problem.replayed(done.is_replayed()));
        }
        Outcome::Placed { line, .. } => (201, line),
        Outcome::Short { line, .. } => (202, line),
    };
    let status = if done.answer.already_accepted { 200 } else { status };
    let location = response::path("/v1/allocations", &[&line.order_id.0, &line.line_id.0]);
    let is_new = done.status(status) == 201;
    let response = done.json(status, |it| it.outcome);
    Ok(match is_new {
        true => response::with_header(response, header::LOCATION, &location),
        false => response,
    })
}

/// A line that was not accepted, as a problem.
pub(super) fn out_of_stock(outcome: &Outcome) -> Problem {
    let Outcome::OutOfStock { sku, requested, available, earliest } = outcome else {
        return Problem::new(&kinds::INTERNAL, "a line that has stock is not out of stock");
    };
    let detail = format!(
        "no batch can take {requested} of {}: one has at most {available} available",
        sku.0
    );
    Problem::new(&kinds::OUT_OF_STOCK, detail)
        .at("quantity")
        .with("sku", sku)
        .with("requested", requested)
        .with("available", available)
        .with("earliest", earliest)
}

async fn get_line(request: ApiRequest) -> HttpResult {
    let (order_id, line_id): (OrderId, LineId) =
        (request.path("order_id")?, request.path("line_id")?);
    let sku: Option<Sku> = request.query("sku")?;
    let mut lines = request
        .app
        .bus
        .ask(GetLines { order_id: order_id.clone(), line_id: Some(line_id.clone()) })?;
    lines.retain(|line| sku.as_ref().is_none_or(|sku| line.sku == *sku));
    match lines.as_slice() {
        [line] => Ok(response::json(200, line)),
        [] => Err(LineRefused::UnknownLine { order_id, line_id }.into()),
        _ => Err(LineRefused::AmbiguousLine { order_id, line_id }.into()),
    }
}

async fn release_line(request: ApiRequest) -> HttpResult {
    let command = Deallocate {
        order_id: request.path("order_id")?,
        line_id: request.path("line_id")?,
        sku: request.query("sku")?,
        reason: request.query_text("reason").unwrap_or_default().to_owned(),
    };
    let done = request.send(command).await?;
    Ok(done.json(200, |released| released))
}

async fn explain_line(request: ApiRequest) -> HttpResult {
    let question = ExplainLine {
        order_id: request.path("order_id")?,
        line_id: request.path("line_id")?,
        sku: request.query("sku")?,
    };
    let explained = request.ask_blocking(question).await??;
    Ok(response::json(200, &explained))
}

async fn order_lines(request: ApiRequest) -> HttpResult {
    let order_id: OrderId = request.path("order_id")?;
    let lines = request.app.bus.ask(GetLines { order_id: order_id.clone(), line_id: None })?;
    if lines.is_empty() {
        let detail = format!("order {} has no lines", order_id.0);
        return Err(Problem::new(&kinds::UNKNOWN_ORDER, detail).at("order_id"));
    }
    Ok(response::json(200, &OrderLines { order_id, lines }))
}
