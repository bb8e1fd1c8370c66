//! Holds: made, extended, confirmed, released and read.

use std::collections::BTreeSet;

use earmark_contracts::allocation::{
    ConfirmHold, ExtendHold, GetHold, HOLD_LINES_MAX, HOLD_TTL_S_MAX, Held, Hold, HoldEnd,
    HoldLine, HoldRefused, HoldState, ListHolds, ReleaseHold,
};
use earmark_contracts::values::{Level, OrderId, Text};
use earmark_kernel::Command;
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};

use crate::api_request::ApiRequest;
use crate::http::json::Object;
use crate::http::{HttpResult, response};
use crate::openapi::{BodyRule, Operation, ParameterIn};
use crate::problem::{Problem, kinds};
use crate::routes::parameters::{self, whole};
use crate::routes::table::RouteTable;

const LIMIT_MAX: u64 = 1_000;
/// The latest time that can be asked for, in milliseconds since 1970: some 285,000 years.
const TIME_MAX: u64 = (1 << 53) - 1;
const LIMIT_DEFAULT: u64 = 100;

/// A [`Hold`] whose lines must be objects.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldBody {
    order_id: OrderId,
    lines: Vec<Object<HoldLine>>,
    ttl_s: Level,
}

/// A longer time for a hold.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Extension {
    /// The time from now to the new end, in seconds, 1 to 2592000 (30 days).
    #[schemars(range(min = 1, max = HOLD_TTL_S_MAX))]
    ttl_s: Level,
}

/// A page of holds.
#[derive(JsonSchema, Serialize)]
struct HoldPage {
    /// The holds, in the order of their ends.
    items: Vec<HoldEnd>,
    /// The `after` of the next page; null if this is the last page.
    next: Option<String>,
}

/// An object without fields.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EmptyObject {}

pub(super) fn add(table: RouteTable) -> RouteTable {
    add_commands(add_queries(table))
}

fn add_queries(table: RouteTable) -> RouteTable {
    let get = Operation::get("/v1/holds/{order_id}", "get_hold", "Get a hold")
        .description("The hold of an order: its phase, its end, its lines, and which of them have lost their stock.")
        .path::<OrderId>("order_id", "The order.")
        .responds::<HoldState>(200, "The hold.")
        .problems(&[&kinds::UNKNOWN_HOLD])
        .reads_views();
    let list = Operation::get("/v1/holds", "list_holds", "List holds")
        .description("Holds in the order of their ends.")
        .with(
            ParameterIn::Query,
            "ends_before",
            |_| json_schema!({ "type": "integer", "minimum": 0, "maximum": TIME_MAX }),
            "Only holds that end before this time, in milliseconds since 1970-01-01 UTC.",
        )
        .query::<Option<String>>("after", "The `next` of the previous page.");
    let list = parameters::limit(list, |_| whole(1, LIMIT_MAX, LIMIT_DEFAULT))
        .responds::<HoldPage>(200, "A page of holds.")
        .reads_views();
    table.route(list, list_holds).route(get, get_hold)
}

fn add_commands(table: RouteTable) -> RouteTable {
    let hold = Operation::post("/v1/holds", "hold", "Hold stock for an order")
        .description(
            "Reserves stock for all lines of an order, for `ttl_s` seconds. If one line cannot be held, \
             none is. An order has one hold: further lines are added to it, and it ends at the later \
             of both times. With `if_unavailable: \"backorder\"` a line without stock is kept and waits \
             for stock when the hold is confirmed.",
        )
        .body::<Hold>(BodyRule::Object)
        .responds::<Held>(201, "The held lines, each with its batch.")
        .responds::<Held>(
            200,
            "All lines were held before; the end of the hold may have moved. Or a dry run: what \
             would have been held.",
        )
        .problems(&[&kinds::UNKNOWN_SKU, &kinds::OUT_OF_STOCK, &kinds::LINE_EXISTS])
        .problems(&[&kinds::RESERVATION_BUSY]);
    let confirm = Operation::post("/v1/holds/{order_id}/confirm", "confirm_hold", "Confirm a hold");
    let confirm = of_hold(confirm)
        .description(
            "Turns the held lines of an order into allocated lines that do not expire, each in its batch. \
             All are confirmed or none.",
        )
        .body::<EmptyObject>(BodyRule::OptionalObject)
        .problems(&[&kinds::HOLD_INCOMPLETE]);
    let extend = Operation::post("/v1/holds/{order_id}/extend", "extend_hold", "Extend a hold");
    let extend = of_hold(extend)
        .description(
            "Moves the end of a hold to `ttl_s` seconds from now; an earlier end changes nothing.",
        )
        .body::<Extension>(BodyRule::Object)
        .problems(&[&kinds::HOLD_INCOMPLETE]);
    let release = Operation::delete("/v1/holds/{order_id}", "release_hold", "Release a hold");
    let release = of_hold(release).description(
        "Ends the hold of an order. Its stock is available again, first for lines that wait for it.",
    );
    table
        .route(hold, make_hold)
        .route(extend, |request| async move {
            let body: Extension = request.object()?;
            let ttl_s = ttl_s(body.ttl_s)?;
            let order_id = request.path("order_id")?;
            hold_command(request, ExtendHold { order_id, ttl_s }).await
        })
        .route(confirm, |request| async move {
            request.optional_object::<EmptyObject>()?;
            let order_id = request.path("order_id")?;
            hold_command(request, ConfirmHold { order_id }).await
        })
        .route(release, |request| async move {
            let order_id = request.path("order_id")?;
            hold_command(request, ReleaseHold { order_id }).await
        })
}

fn of_hold(operation: Operation) -> Operation {
    operation
        .path::<OrderId>("order_id", "The order.")
        .responds::<Held>(200, "The lines after the change.")
        .problems(&[&kinds::UNKNOWN_HOLD, &kinds::HOLD_EXPIRED, &kinds::RESERVATION_BUSY])
}

async fn make_hold(request: ApiRequest) -> HttpResult {
    let body: HoldBody = request.object()?;
    if !(1..=HOLD_LINES_MAX).contains(&body.lines.len()) {
        let detail = format!("lines must be 1 to {HOLD_LINES_MAX}");
        return Err(Problem::input("lines", detail));
    }
    let ttl_s = ttl_s(body.ttl_s)?;
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
    let done = request.send(hold).await?;
    let status = if done.answer.existed { 200 } else { 201 };
    Ok(done.json(status, |held| held))
}

fn ttl_s(given: Level) -> Result<u32, Problem> {
    let ttl_s = given.units();
    if !(1..=HOLD_TTL_S_MAX).contains(&ttl_s) {
        let detail = format!("ttl_s must be a whole number from 1 to {HOLD_TTL_S_MAX}");
        return Err(Problem::input("ttl_s", detail));
    }
    Ok(ttl_s)
}

async fn get_hold(request: ApiRequest) -> HttpResult {
    let order_id: OrderId = request.path("order_id")?;
    let hold = request.app.bus.ask(GetHold { order_id: order_id.clone() })?;
    let hold = hold.ok_or(HoldRefused::UnknownHold { order_id })?;
    Ok(response::json(200, &hold))
}

async fn list_holds(request: ApiRequest) -> HttpResult {
    let limit = request.number("limit", LIMIT_DEFAULT, 1..=LIMIT_MAX)?;
    let limit = usize::try_from(limit).expect("at most a thousand");
    let ends_before = request.number("ends_before", TIME_MAX, 0..=TIME_MAX)?;
    let ends_before_ms = i64::try_from(ends_before).ok();
    let after = request.query_text("after").map(parse_end).transpose()?;
    let mut items = request.app.bus.ask(ListHolds { ends_before_ms, after, limit: limit + 1 })?;
    let is_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| is_more);
    let next = next.map(|it| format!("{}/{}", it.until_ms, it.order_id.0));
    Ok(response::json(200, &HoldPage { items, next }))
}

fn parse_end(after: &str) -> Result<HoldEnd, Problem> {
    let end = after.split_once('/').and_then(|(until, order)| {
        let order_id = OrderId(Text::parse(order).ok()?);
        Some(HoldEnd { until_ms: until.parse().ok()?, order_id })
    });
    end.ok_or_else(|| Problem::input("after", "after must be the `next` of the previous page"))
}

async fn hold_command<C>(request: ApiRequest, command: C) -> HttpResult
where
    C: Command<Answer = Held, Refusal = HoldRefused>,
{
    let done = request.send(command).await?;
    Ok(done.json(200, |held| held))
}
