//! Goods: what leaves the warehouse, and what comes back.

use earmark_contracts::allocation::{GoodsMoved, Return, Ship};
use earmark_kernel::Command;

use crate::answer::Answered;
use crate::ask::Ask;
use crate::openapi::{BodyRule, Operation};
use crate::problem::{Problem, kinds};
use crate::routes::Routes;

pub(crate) fn draw(routes: Routes) -> Routes {
    let ship = Operation::post("/v1/shipments", "ship", "Ship a line")
        .about("The goods leave: the batch shrinks by as much, in the same step.")
        .takes::<Ship>(BodyRule::Object);
    let take_back = Operation::post("/v1/returns", "return_goods", "Take goods back")
        .about("Into stock (`restock`), where waiting lines may get them, or not (`write_off`).")
        .takes::<Return>(BodyRule::Object)
        .fails(&[&kinds::UNKNOWN_BATCH, &kinds::BATCH_CLOSED]);
    routes
        .line(of_goods(ship), |ask| async move {
            let command: Ship = ask.object()?;
            moved(ask, command).await
        })
        .line(of_goods(take_back), |ask| async move {
            let command: Return = ask.object()?;
            moved(ask, command).await
        })
}

fn of_goods(operation: Operation) -> Operation {
    operation.tells::<GoodsMoved>(200, "The line and the batch as they are now.").fails(&[
        &kinds::UNKNOWN_LINE,
        &kinds::AMBIGUOUS_LINE,
        &kinds::WRONG_PHASE,
        &kinds::TOO_MANY,
        &kinds::NOT_IN_WAREHOUSE,
    ])
}

async fn moved<C>(ask: Ask, command: C) -> Answered
where
    C: Command<Answer = GoodsMoved>,
    C::Refusal: Into<Problem>,
{
    let done = ask.send(command).await?;
    Ok(done.json(200, |moved| moved))
}
