//! Holds: made, confirmed and released.

use std::collections::BTreeSet;

use earmark_contracts::allocation::{
    ConfirmHold, HOLD_LINES_MAX, HOLD_TTL_S_MAX, Held, Hold, HoldLine, HoldRefused, ReleaseHold,
};
use earmark_contracts::values::{Level, OrderId};
use earmark_kernel::Command;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::api_request::ApiRequest;
use crate::http::HttpResult;
use crate::http::json::Object;
use crate::openapi::{BodyRule, Operation};
use crate::problem::{Problem, kinds};
use crate::routes::table::RouteTable;

/// A [`Hold`] whose lines must be objects.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldBody {
    order_id: OrderId,
    lines: Vec<Object<HoldLine>>,
    ttl_s: Level,
}

/// An object without fields.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EmptyObject {}

pub(super) fn add(table: RouteTable) -> RouteTable {
    let hold = Operation::post("/v1/holds", "hold", "Hold stock for an order")
        .description(
            "Reserves stock for all lines of an order, for `ttl_s` seconds. If one line cannot be held, \
             none is.",
        )
        .body::<Hold>(BodyRule::Object)
        .responds::<Held>(201, "The held lines, each with its batch.")
        .responds::<Held>(200, "A dry run: what would have been held.")
        .problems(&[&kinds::UNKNOWN_SKU, &kinds::OUT_OF_STOCK, &kinds::LINE_EXISTS]);
    let confirm = Operation::post("/v1/holds/{order_id}/confirm", "confirm_hold", "Confirm a hold");
    let confirm = of_hold(confirm)
        .description(
            "Turns the held lines of an order into allocated lines that do not expire, each in its batch.",
        )
        .body::<EmptyObject>(BodyRule::OptionalObject)
        .problems(&[&kinds::HOLD_EXPIRED]);
    let release = Operation::delete("/v1/holds/{order_id}", "release_hold", "Release a hold");
    let release = of_hold(release).description(
        "Ends the hold of an order. Its stock is available again, first for lines that wait for it.",
    );
    table
        .route(hold, make_hold)
        .route(confirm, |request| async move {
            request.optional_object::<EmptyObject>()?;
            let order_id = request.path("order_id")?;
            hold_command(request, ConfirmHold { order_id }, 200).await
        })
        .route(release, |request| async move {
            let order_id = request.path("order_id")?;
            hold_command(request, ReleaseHold { order_id }, 200).await
        })
}

fn of_hold(operation: Operation) -> Operation {
    operation
        .path::<OrderId>("order_id", "The order.")
        .responds::<Held>(200, "The lines after the change.")
        .problems(&[&kinds::UNKNOWN_HOLD, &kinds::HOLD_EXPIRED])
}

async fn make_hold(request: ApiRequest) -> HttpResult {
    let body: HoldBody = request.object()?;
    if !(1..=HOLD_LINES_MAX).contains(&body.lines.len()) {
        let detail = format!("lines must be 1 to {HOLD_LINES_MAX}");
        return Err(Problem::input("lines", detail));
    }
    let ttl_s = body.ttl_s.units();
    if !(1..=HOLD_TTL_S_MAX).contains(&ttl_s) {
        let detail = format!("ttl_s must be a whole number from 1 to {HOLD_TTL_S_MAX}");
        return Err(Problem::input("ttl_s", detail));
    }
    let lines: Vec<HoldLine> = body.lines.into_iter().map(|it| it.0).collect();
    let mut seen = BTreeSet::new();
    for (at, line) in lines.iter().enumerate() {
        let id = line.line();
        if !seen.insert(id.clone()) {
            let detail = format!("the line {} is given twice", id.0);
            return Err(Problem::input(format!("lines[{at}].line_id"), detail));
        }
    }
    let hold = Hold { order_id: body.order_id, lines, ttl_s };
    hold_command(request, hold, 201).await
}

async fn hold_command<C>(request: ApiRequest, command: C, status: u16) -> HttpResult
where
    C: Command<Answer = Held, Refusal = HoldRefused>,
{
    let done = request.send(command).await?;
    Ok(done.json(status, |held| held))
}
