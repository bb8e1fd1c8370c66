//! Holds: made, confirmed and released.

use std::collections::BTreeSet;

use earmark_contracts::allocation::{
    ConfirmHold, HOLD_LINES_MAX, HOLD_TTL_S_MAX, Held, Hold, HoldLine, HoldRefused, ReleaseHold,
};
use earmark_contracts::values::{Level, OrderId};
use earmark_kernel::Command;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::answer::Answered;
use crate::api_request::ApiRequest;
use crate::json::Object;
use crate::openapi::{BodyRule, Operation};
use crate::problem::{Problem, kinds};
use crate::routes::Routes;

/// A [`Hold`] whose lines are read strictly.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldAsked {
    order_id: OrderId,
    lines: Vec<Object<HoldLine>>,
    ttl_s: Level,
}

/// There is nothing to say.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NothingMore {}

pub(crate) fn draw(routes: Routes) -> Routes {
    let hold = Operation::post("/v1/holds", "hold", "Hold stock for an order")
        .about("All lines or none: if one cannot be held, those that were are released.")
        .body::<Hold>(BodyRule::Object)
        .responds::<Held>(201, "Each line with its batch.")
        .responds::<Held>(200, "What a dry run would do.")
        .problems(&[&kinds::UNKNOWN_SKU, &kinds::OUT_OF_STOCK, &kinds::LINE_EXISTS]);
    let confirm = Operation::post("/v1/holds/{order_id}/confirm", "confirm_hold", "Confirm a hold");
    let confirm = of_hold(confirm)
        .about("The lines become ordinary ones, each where it is.")
        .body::<NothingMore>(BodyRule::OptionalObject)
        .problems(&[&kinds::HOLD_EXPIRED]);
    let release = Operation::delete("/v1/holds/{order_id}", "release_hold", "Release a hold");
    let release = of_hold(release).about("The lines give their places back.");
    routes
        .line(hold, make)
        .line(confirm, |request| async move {
            request.object_or_nothing::<NothingMore>()?;
            let order_id = request.path("order_id")?;
            held(request, ConfirmHold { order_id }, 200).await
        })
        .line(release, |request| async move {
            let order_id = request.path("order_id")?;
            held(request, ReleaseHold { order_id }, 200).await
        })
}

fn of_hold(operation: Operation) -> Operation {
    operation
        .path::<OrderId>("order_id", "The order.")
        .responds::<Held>(200, "The lines as they are now.")
        .problems(&[&kinds::UNKNOWN_HOLD, &kinds::HOLD_EXPIRED])
}

async fn make(request: ApiRequest) -> Answered {
    let asked: HoldAsked = request.object()?;
    if !(1..=HOLD_LINES_MAX).contains(&asked.lines.len()) {
        let detail = format!("lines must be 1 to {HOLD_LINES_MAX}");
        return Err(Problem::input("lines", detail));
    }
    let ttl_s = asked.ttl_s.units();
    if !(1..=HOLD_TTL_S_MAX).contains(&ttl_s) {
        let detail = format!("ttl_s must be a whole number from 1 to {HOLD_TTL_S_MAX}");
        return Err(Problem::input("ttl_s", detail));
    }
    let lines: Vec<HoldLine> = asked.lines.into_iter().map(|it| it.0).collect();
    let mut seen = BTreeSet::new();
    for (at, line) in lines.iter().enumerate() {
        let id = line.line();
        if !seen.insert(id.clone()) {
            let detail = format!("the line {} stands there twice", id.0);
            return Err(Problem::input(format!("lines[{at}].line_id"), detail));
        }
    }
    let hold = Hold { order_id: asked.order_id, lines, ttl_s };
    held(request, hold, 201).await
}

async fn held<C>(request: ApiRequest, command: C, status: u16) -> Answered
where
    C: Command<Answer = Held, Refusal = HoldRefused>,
{
    let done = request.send(command).await?;
    Ok(done.json(status, |held| held))
}
