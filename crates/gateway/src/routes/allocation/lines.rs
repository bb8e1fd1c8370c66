//! Lines: placed, looked at, explained and released.

use axum::http::header;
use earmark_contracts::allocation::{
    Allocate, Deallocate, ExplainLine, ExplainedLine, GetLines, LineRefused, LineReleased,
    LineState, Outcome,
};
use earmark_contracts::values::{LineId, OrderId, Sku};
use schemars::JsonSchema;
use serde::Serialize;

use crate::answer::{self, Answered};
use crate::api_request::ApiRequest;
use crate::openapi::{BodyRule, Operation};
use crate::problem::{Problem, kinds};
use crate::routes::Routes;

/// The lines of an order.
#[derive(JsonSchema, Serialize)]
struct OrderLines {
    /// The order.
    order_id: OrderId,
    /// Its lines, placed and short, in order of line id.
    lines: Vec<LineState>,
}

pub(crate) fn draw(routes: Routes) -> Routes {
    let allocate = Operation::post("/v1/allocations", "allocate", "Promise stock to a line")
        .about("The whole line goes to one batch: the warehouse first, then the earliest ETA.")
        .body::<Allocate>(BodyRule::Object)
        .responds::<Outcome>(201, "It has a place.")
        .header("Location", "Where the line can be looked at.")
        .responds::<Outcome>(200, "It was accepted before; nothing changed.")
        .responds::<Outcome>(202, "It waits for stock (`short: \"queue\"`).")
        .problems(&[&kinds::UNKNOWN_SKU, &kinds::OUT_OF_STOCK, &kinds::LINE_EXISTS]);
    const LINE: &str = "/v1/allocations/{order_id}/{line_id}";
    let get = of_line(Operation::get(LINE, "get_line", "Look at a line"))
        .responds::<LineState>(200, "The line.")
        .asks_views();
    let release = of_line(Operation::delete(LINE, "release_line", "Release a line"))
        .query::<Option<String>>("reason", "Why, for the history; at most 200 characters are kept.")
        .about("Its place goes to lines that wait.")
        .responds::<LineReleased>(200, "It has no place any more.")
        .problems(&[&kinds::WRONG_PHASE]);
    let explain = Operation::get(
        "/v1/allocations/{order_id}/{line_id}/explain",
        "explain_line",
        "Why a line is where it is",
    );
    let explain = of_line(explain)
        .responds::<ExplainedLine>(200, "The batches considered, and why each lost or won.")
        .asks_views();
    let order = Operation::get(
        "/v1/orders/{order_id}/allocations",
        "get_order_lines",
        "All lines of an order",
    )
    .path::<OrderId>("order_id", "The order.")
    .responds::<OrderLines>(200, "Its lines, placed and short.")
    .asks_views()
    .problems(&[&kinds::UNKNOWN_ORDER]);
    routes
        .line(allocate, place)
        .line(get, get_line)
        .line(release, release_line)
        .line(explain, explain_line)
        .line(order, order_lines)
}

fn of_line(operation: Operation) -> Operation {
    operation
        .path::<OrderId>("order_id", "The order.")
        .path::<LineId>("line_id", "The line; where its order named none, the SKU.")
        .query::<Sku>("sku", "Needed only where the order has the line id for several SKUs.")
        .problems(&[&kinds::UNKNOWN_LINE, &kinds::AMBIGUOUS_LINE])
}

async fn place(request: ApiRequest) -> Answered {
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
    let location = answer::address("/v1/allocations", &[&line.order_id.0, &line.line_id.0]);
    let is_new = done.status(status) == 201;
    let answer = done.json(status, |it| it.outcome);
    Ok(match is_new {
        true => answer::with_header(answer, header::LOCATION, &location),
        false => answer,
    })
}

/// An outcome that leaves nothing behind is told as a problem.
pub(super) fn out_of_stock(outcome: &Outcome) -> Problem {
    let Outcome::OutOfStock { sku, requested, available, earliest } = outcome else {
        return Problem::new(&kinds::INTERNAL, "a line that has stock is not out of stock");
    };
    let detail =
        format!("no batch can take {requested} of {}: one could give at most {available}", sku.0);
    Problem::new(&kinds::OUT_OF_STOCK, detail)
        .at("quantity")
        .with("sku", sku)
        .with("requested", requested)
        .with("available", available)
        .with("earliest", earliest)
}

async fn get_line(request: ApiRequest) -> Answered {
    let (order_id, line_id): (OrderId, LineId) =
        (request.path("order_id")?, request.path("line_id")?);
    let sku: Option<Sku> = request.query("sku")?;
    let mut lines = request
        .app
        .bus
        .ask(GetLines { order_id: order_id.clone(), line_id: Some(line_id.clone()) })?;
    lines.retain(|line| sku.as_ref().is_none_or(|sku| line.sku == *sku));
    match lines.as_slice() {
        [line] => Ok(answer::json(200, line)),
        [] => Err(LineRefused::UnknownLine { order_id, line_id }.into()),
        _ => Err(LineRefused::AmbiguousLine { order_id, line_id }.into()),
    }
}

async fn release_line(request: ApiRequest) -> Answered {
    let command = Deallocate {
        order_id: request.path("order_id")?,
        line_id: request.path("line_id")?,
        sku: request.query("sku")?,
        reason: request.raw("reason").unwrap_or_default().to_owned(),
    };
    let done = request.send(command).await?;
    Ok(done.json(200, |released| released))
}

async fn explain_line(request: ApiRequest) -> Answered {
    let question = ExplainLine {
        order_id: request.path("order_id")?,
        line_id: request.path("line_id")?,
        sku: request.query("sku")?,
    };
    let explained = request.recount(question).await??;
    Ok(answer::json(200, &explained))
}

async fn order_lines(request: ApiRequest) -> Answered {
    let order_id: OrderId = request.path("order_id")?;
    let lines = request.app.bus.ask(GetLines { order_id: order_id.clone(), line_id: None })?;
    if lines.is_empty() {
        let detail = format!("order {} has no lines", order_id.0);
        return Err(Problem::new(&kinds::UNKNOWN_ORDER, detail).at("order_id"));
    }
    Ok(answer::json(200, &OrderLines { order_id, lines }))
}
