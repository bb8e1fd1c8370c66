//! The commands on holds: each is one record if there is one partition, and several steps if there
//! are more.

use earmark_contracts::allocation::{
    ConfirmHold, ExtendHold, GetHold, Held, Hold, HoldLine, HoldRefused, HoldState, LineName,
    LinePhase, ReleaseHold,
};
use earmark_contracts::values::{OrderId, Text};
use earmark_kernel::{DueOperation, Failure, NotDone, ProcedureContext, UnixMillis};

use super::aggregate::{Line, Open, Reservation};
use super::composites::{ConfirmWhole, HoldWhole, ReleaseWhole};
use super::events::{HoldOpened, ReleaseOpened, ReleaseReason, WantedLine};
use super::parts::{Operation, Outcome};
use super::steps::{
    BeginConfirm, BeginHold, BeginRelease, Course, Extend, GetMissing, GetReservation,
    GetUnreserved, HoldUntil, Missing, NoteIncomplete,
};

/// How often an operation begins anew after another one on the same order has ended.
const ATTEMPTS_MAX: usize = 32;

/// Holds all lines or none.
pub(in crate::allocation) async fn hold(context: ProcedureContext, command: Hold) -> Outcome<Held> {
    let Hold { order_id, lines, ttl_s } = command;
    let lines: Vec<WantedLine> = lines.into_iter().map(wanted).collect();
    let ended_before = adopt(&context, &order_id).await?;
    for _ in 0..ATTEMPTS_MAX {
        let begin = BeginHold {
            order_id: order_id.clone(),
            lines: lines.clone(),
            until: HoldUntil::Seconds(ttl_s),
            course: course(&context),
            ended_before: ended_before.clone(),
        };
        match hold_once(&context, begin).await {
            Err(NotDone::Failed(Failure::Conflict(_))) => finish_other(&context, &order_id).await?,
            outcome => return outcome,
        }
    }
    Err(busy(&order_id))
}

fn wanted(line: HoldLine) -> WantedLine {
    WantedLine {
        name: LineName { line_id: line.line(), sku: line.sku },
        quantity: line.quantity.units(),
        need_by: line.need_by,
        priority: line.priority,
        if_unavailable: line.if_unavailable,
    }
}

fn course(context: &ProcedureContext) -> Course {
    if context.partitions() == 1 { Course::Whole } else { Course::InParts }
}

fn busy(order_id: &OrderId) -> NotDone<HoldRefused> {
    let refusal = HoldRefused::ReservationBusy { order_id: order_id.clone() };
    NotDone::Failed(Failure::Conflict(refusal.to_string()))
}

/// Another operation is open: the caller tries again when it has ended.
fn conflict<A>(outcome: Outcome<A>) -> Outcome<A> {
    outcome.map_err(|not_done| match not_done {
        NotDone::Refused(refusal @ HoldRefused::ReservationBusy { .. }) => {
            NotDone::Failed(Failure::Conflict(refusal.to_string()))
        }
        other => other,
    })
}

async fn hold_once(context: &ProcedureContext, begin: BeginHold) -> Outcome<Held> {
    if begin.course == Course::Whole {
        return context.send_whole(HoldWhole(begin)).await;
    }
    let (order_id, lines) = (begin.order_id.clone(), begin.lines.clone());
    let plan = conflict(context.send("begin", begin).await)?;
    let operation = Operation { context, order_id: &order_id, round: plan.round };
    let since = context.now();
    let opened =
        HoldOpened { round: plan.round, since, until: plan.until, lines, forget: plan.forget };
    operation.hold(&opened).await
}

/// Makes lines that were held before there were reservations part of one. Returns the lines of
/// such holds that have ended.
async fn adopt(context: &ProcedureContext, order_id: &OrderId) -> Outcome<Vec<LineName>> {
    for _ in 0..ATTEMPTS_MAX {
        let unreserved = context.ask(GetUnreserved { order_id: order_id.clone() })?;
        let until = unreserved.held.iter().map(|(_, until)| *until).min();
        let Some(until) = until.filter(|_| !context.dry_run()) else {
            return Ok(unreserved.ended);
        };
        let begin = BeginHold {
            order_id: order_id.clone(),
            lines: unreserved.held.into_iter().map(|(line, _)| line).collect(),
            until: HoldUntil::Time(until),
            course: course(context),
            ended_before: Vec::new(),
        };
        match hold_once(&context.aside(), begin).await {
            Ok(_) => {}
            Err(NotDone::Failed(Failure::Conflict(_))) => finish_other(context, order_id).await?,
            Err(not_done) => return Err(not_done),
        }
    }
    Err(busy(order_id))
}

/// Confirms all held lines or none.
pub(in crate::allocation) async fn confirm_hold(
    context: ProcedureContext,
    command: ConfirmHold,
) -> Outcome<Held> {
    let order_id = command.order_id;
    let ended_before = adopt(&context, &order_id).await?;
    for _ in 0..ATTEMPTS_MAX {
        let begin = BeginConfirm {
            order_id: order_id.clone(),
            course: course(&context),
            ended_before: ended_before.clone(),
            missing: None,
        };
        match confirm_once(&context, begin).await {
            Err(NotDone::Failed(Failure::Conflict(_))) => finish_other(&context, &order_id).await?,
            outcome => return outcome,
        }
    }
    Err(busy(&order_id))
}

async fn confirm_once(context: &ProcedureContext, mut begin: BeginConfirm) -> Outcome<Held> {
    if begin.course == Course::Whole {
        return context.send_whole(ConfirmWhole(begin)).await;
    }
    let order_id = begin.order_id.clone();
    let missing = context.ask(GetMissing { order_id: order_id.clone() })?;
    begin.missing = Some(missing.clone());
    let begun = conflict(context.send("begin", begin).await);
    let plan = note_incomplete(context, &order_id, missing, begun).await?;
    let operation = Operation { context, order_id: &order_id, round: plan.round };
    if !plan.was_confirmed {
        return operation.confirm(&plan.lines).await;
    }
    let hold = context.ask(GetHold { order_id: order_id.clone() })?;
    let lines = hold.map(|it| it.lines).unwrap_or_default();
    Ok(super::answers::ended(&order_id, lines))
}

/// Notes that an operation was refused because lines of the hold have lost their stock.
async fn note_incomplete<A>(
    context: &ProcedureContext,
    order_id: &OrderId,
    missing: Missing,
    outcome: Outcome<A>,
) -> Outcome<A> {
    if let Err(NotDone::Refused(HoldRefused::HoldIncomplete { .. })) = outcome {
        context.send("note", NoteIncomplete { order_id: order_id.clone(), missing }).await?;
    }
    outcome
}

/// Gives all held lines back.
pub(in crate::allocation) async fn release_hold(
    context: ProcedureContext,
    command: ReleaseHold,
) -> Outcome<Held> {
    let order_id = command.order_id;
    let ended_before = adopt(&context, &order_id).await?;
    for _ in 0..ATTEMPTS_MAX {
        let begin = BeginRelease {
            order_id: order_id.clone(),
            reason: ReleaseReason::Released,
            course: course(&context),
            ended_before: ended_before.clone(),
        };
        match release_once(&context, begin).await {
            Err(NotDone::Failed(Failure::Conflict(_))) => finish_other(&context, &order_id).await?,
            outcome => return outcome,
        }
    }
    Err(busy(&order_id))
}

async fn release_once(context: &ProcedureContext, begin: BeginRelease) -> Outcome<Held> {
    if begin.course == Course::Whole {
        return context.send_whole(ReleaseWhole(begin)).await;
    }
    let (order_id, reason) = (begin.order_id.clone(), begin.reason);
    let plan = conflict(context.send("begin", begin).await)?;
    let operation = Operation { context, order_id: &order_id, round: plan.round };
    let (round, since) = (plan.round, context.now());
    operation
        .release(&ReleaseOpened { round, since, reason, forget: Vec::new() }, &plan.lines)
        .await
}

/// Moves the end of a hold.
pub(in crate::allocation) async fn extend_hold(
    context: ProcedureContext,
    command: ExtendHold,
) -> Outcome<Held> {
    let ExtendHold { order_id, ttl_s } = command;
    adopt(&context, &order_id).await?;
    for _ in 0..ATTEMPTS_MAX {
        // If another operation begins after this was read, the reservation refuses.
        let missing = context.ask(GetMissing { order_id: order_id.clone() })?;
        let hold = context.ask(GetHold { order_id: order_id.clone() })?;
        let extend = Extend { order_id: order_id.clone(), ttl_s, missing: missing.clone() };
        let extending = conflict(context.send("extend", extend).await);
        match note_incomplete(&context, &order_id, missing, extending).await {
            Err(NotDone::Failed(Failure::Conflict(_))) => finish_other(&context, &order_id).await?,
            Ok(until) => return Ok(extended(order_id, until, hold)),
            Err(not_done) => return Err(not_done),
        }
    }
    Err(busy(&order_id))
}

/// The answer to an extension: the held lines, with their new end.
fn extended(order_id: OrderId, until: UnixMillis, hold: Option<HoldState>) -> Held {
    let until_ms = Some(until.0);
    let mut lines = hold.map(|it| it.lines).unwrap_or_default();
    lines.retain(|line| matches!(line.state, LinePhase::Held | LinePhase::Wanted));
    lines.iter_mut().for_each(|line| super::queries::set_end(line, until_ms));
    Held { order_id, until_ms, existed: false, lines }
}

/// Ends the open operation of an order, so that the caller's can begin.
async fn finish_other(context: &ProcedureContext, order_id: &OrderId) -> Outcome<()> {
    if context.dry_run() {
        return Err(busy(order_id));
    }
    finish(&context.aside(), order_id).await
}

/// Ends the open operation of an order, or its overdue hold, if there is one.
pub(in crate::allocation) async fn finish(
    context: &ProcedureContext,
    order_id: &OrderId,
) -> Outcome<()> {
    let Some(reservation) = context.ask(GetReservation { order_id: order_id.clone() })? else {
        return Ok(());
    };
    let ended = match &reservation.open {
        None if reservation.is_overdue(context.now()) => expire(context, order_id).await,
        None => return Ok(()),
        Some(open) => carry_on(context, order_id, &reservation, open).await,
    };
    match ended {
        // Refusals are outcomes too: the operation has ended.
        Ok(_) | Err(NotDone::Refused(_)) => Ok(()),
        Err(not_done) => Err(not_done),
    }
}

/// Ends the operation that the effect worker has found due.
pub(in crate::allocation) async fn finish_due(
    context: ProcedureContext,
    due: DueOperation,
) -> Result<(), Failure> {
    let order_id = Text::parse(&due.id)
        .map(OrderId)
        .map_err(|error| Failure::Unreadable { what: "order id".into(), why: error.to_string() })?;
    match finish(&context, &order_id).await {
        Ok(()) | Err(NotDone::Refused(_)) => Ok(()),
        Err(NotDone::Failed(failure)) => Err(failure),
        Err(NotDone::Unknown(why)) => Err(Failure::Storage(why)),
    }
}

async fn carry_on(
    context: &ProcedureContext,
    order_id: &OrderId,
    reservation: &Reservation,
    open: &Open,
) -> Outcome<Held> {
    let operation = Operation { context, order_id, round: reservation.round };
    match open {
        Open::Hold(opened) => operation.hold(opened).await,
        Open::Confirm(_) => {
            let lines: Vec<_> = reservation.held().map(Line::wanted).collect();
            operation.confirm(&lines).await
        }
        Open::Release(opened) => {
            let lines = reservation.given_back(opened.reason, &opened.forget);
            operation.release(opened, &lines).await
        }
    }
}

/// Gives the lines of a hold back that was not confirmed in time.
async fn expire(context: &ProcedureContext, order_id: &OrderId) -> Outcome<Held> {
    let begin = BeginRelease {
        order_id: order_id.clone(),
        reason: ReleaseReason::Expired,
        course: course(context),
        ended_before: Vec::new(),
    };
    if begin.course == Course::Whole {
        return context.send("expire", ReleaseWhole(begin)).await;
    }
    let plan = context.send("expire", begin).await?;
    let operation = Operation { context, order_id, round: plan.round };
    let (round, since, reason) = (plan.round, context.now(), ReleaseReason::Expired);
    let opened = ReleaseOpened { round, since, reason, forget: Vec::new() };
    operation.release(&opened, &plan.lines).await
}
