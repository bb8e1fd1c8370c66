//! Goods: shipped from the warehouse, and returned to it.

use earmark_contracts::allocation::{GoodsMoved, Return, Ship};
use earmark_kernel::Command;

use crate::api_request::ApiRequest;
use crate::http::HttpResult;
use crate::openapi::{BodyRule, Operation};
use crate::problem::{Problem, kinds};
use crate::routes::table::RouteTable;

pub(super) fn add(table: RouteTable) -> RouteTable {
    let ship = Operation::post("/v1/shipments", "ship", "Ship a line")
        .description(
            "The goods of an allocated line leave the warehouse. The batch shrinks by the same \
             quantity, in the same step.",
        )
        .body::<Ship>(BodyRule::Object);
    let take_back = Operation::post("/v1/returns", "return_goods", "Return goods")
        .description(
            "Goods of a shipped line come back. `restock` adds them to a batch, where lines that \
             wait for stock may get them; `write_off` does not.",
        )
        .body::<Return>(BodyRule::Object)
        .problems(&[&kinds::UNKNOWN_BATCH, &kinds::BATCH_CLOSED]);
    table
        .route(of_goods(ship), |request| async move {
            let command: Ship = request.object()?;
            move_goods(request, command).await
        })
        .route(of_goods(take_back), |request| async move {
            let command: Return = request.object()?;
            move_goods(request, command).await
        })
}

fn of_goods(operation: Operation) -> Operation {
    operation.responds::<GoodsMoved>(200, "The line and the batch after the change.").problems(&[
        &kinds::UNKNOWN_LINE,
        &kinds::AMBIGUOUS_LINE,
        &kinds::WRONG_PHASE,
        &kinds::TOO_MANY,
        &kinds::NOT_IN_WAREHOUSE,
    ])
}

async fn move_goods<C>(request: ApiRequest, command: C) -> HttpResult
where
    C: Command<Answer = GoodsMoved>,
    C::Refusal: Into<Problem>,
{
    let done = request.send(command).await?;
    Ok(done.json(200, |moved| moved))
}
