//! Goods: what leaves the warehouse, and what comes back.

use earmark_contracts::allocation::{GoodsMoved, Return, Ship};
use earmark_kernel::Command;

use crate::answer::Answered;
use crate::api_request::ApiRequest;
use crate::openapi::{BodyRule, Operation};
use crate::problem::{Problem, kinds};
use crate::routes::Routes;

pub(crate) fn draw(routes: Routes) -> Routes {
    let ship = Operation::post("/v1/shipments", "ship", "Ship a line")
        .about("The goods leave: the batch shrinks by as much, in the same step.")
        .body::<Ship>(BodyRule::Object);
    let take_back = Operation::post("/v1/returns", "return_goods", "Take goods back")
        .about("Into stock (`restock`), where waiting lines may get them, or not (`write_off`).")
        .body::<Return>(BodyRule::Object)
        .problems(&[&kinds::UNKNOWN_BATCH, &kinds::BATCH_CLOSED]);
    routes
        .line(of_goods(ship), |request| async move {
            let command: Ship = request.object()?;
            moved(request, command).await
        })
        .line(of_goods(take_back), |request| async move {
            let command: Return = request.object()?;
            moved(request, command).await
        })
}

fn of_goods(operation: Operation) -> Operation {
    operation.responds::<GoodsMoved>(200, "The line and the batch as they are now.").problems(&[
        &kinds::UNKNOWN_LINE,
        &kinds::AMBIGUOUS_LINE,
        &kinds::WRONG_PHASE,
        &kinds::TOO_MANY,
        &kinds::NOT_IN_WAREHOUSE,
    ])
}

async fn moved<C>(request: ApiRequest, command: C) -> Answered
where
    C: Command<Answer = GoodsMoved>,
    C::Refusal: Into<Problem>,
{
    let done = request.send(command).await?;
    Ok(done.json(200, |moved| moved))
}
