//! Procedures that consist of several commands. Each step can be repeated safely, and a procedure
//! that fails leaves no partial result.

use earmark_contracts::allocation::{
    AllocateRefused, BatchCreated, BatchRefused, ConfirmHold, CreateBatch, GetLines, Held, Hold,
    HoldRefused, LinePhase, LineState, Outcome, ReleaseHold,
};
use earmark_contracts::values::OrderId;
use earmark_kernel::{Failure, NotDone, ProcedureContext};

use super::keys::SEPARATOR;
use super::steps::{AddBatch, ClaimReference, ConfirmOne, HoldOne, ReleaseOne};

/// Creates a batch. The reference is claimed for the SKU first, so that no two SKUs can have the
/// same. A claim without a batch does not prevent the SKU from creating the batch later.
pub(super) async fn create_batch(
    context: ProcedureContext,
    command: CreateBatch,
) -> Result<BatchCreated, NotDone<BatchRefused>> {
    let (reference, sku) = (command.reference.clone(), command.sku.clone());
    context.send("claim", ClaimReference { reference, sku }).await?;
    context.send("add", AddBatch(command)).await
}

/// Holds the lines one after another. If one cannot be held, those held by this command are
/// released.
pub(super) async fn hold(
    context: ProcedureContext,
    command: Hold,
) -> Result<Held, NotDone<HoldRefused>> {
    let Hold { order_id, lines, ttl_s } = command;
    // Ended holds of requested lines are not released: the stock accepts such lines again.
    let is_requested = |line: &LineState| {
        lines.iter().any(|it| (it.line(), &it.sku) == (line.line_id.clone(), &line.sku))
    };
    for line in ended(&context, &order_id)?.into_iter().filter(|line| !is_requested(line)) {
        release(&context, "forget", &line).await?;
    }
    let (mut held, mut new) = (Vec::new(), Vec::new());
    for (index, line) in lines.into_iter().enumerate() {
        let one = HoldOne {
            order_id: order_id.clone(),
            line_id: line.line(),
            sku: line.sku,
            quantity: line.quantity,
            ttl_s,
        };
        let (line_id, sku) = (one.line_id.clone(), one.sku.clone());
        let not_held = match context.send(format!("hold/{index}"), one).await {
            Ok(placement) => match placement.outcome {
                Outcome::Placed { line, .. } | Outcome::Short { line, .. } => {
                    if !placement.already_accepted {
                        new.push(line.clone());
                    }
                    held.push(line);
                    continue;
                }
                Outcome::OutOfStock { requested, available, earliest, .. } => {
                    NotDone::Refused(HoldRefused::OutOfStock {
                        line_id,
                        sku,
                        requested,
                        available,
                        earliest,
                    })
                }
            },
            Err(not_done) => not_done.map_refused(|refused| match refused {
                AllocateRefused::UnknownSku { sku } => HoldRefused::UnknownSku { sku },
                AllocateRefused::LineExists { line_id, differs, .. } => {
                    HoldRefused::LineExists { line_id, differs }
                }
            }),
        };
        return Err(undo(&context, &new, not_held).await);
    }
    Ok(Held { order_id, lines: held })
}

/// Releases the lines that were held by this command, and returns the reason of the failure. If a
/// line cannot be released, its hold expires later, but the outcome is unknown now. With an
/// idempotency key the caller can retry and complete the hold, so nothing is released then.
async fn undo(
    context: &ProcedureContext,
    new: &[LineState],
    not_held: NotDone<HoldRefused>,
) -> NotDone<HoldRefused> {
    if context.dry_run() || new.is_empty() {
        return not_held;
    }
    if let (NotDone::Failed(_) | NotDone::Unknown(_), true) = (&not_held, context.replays()) {
        return NotDone::Unknown(format!("not all lines are held yet: {not_held:?}"));
    }
    for line in new {
        if let Err(error) = release(context, "undo", line).await {
            let line = &line.line_id.0;
            let detail = format!("the line {line} may stay held until its hold expires: {error}");
            return NotDone::Unknown(detail);
        }
    }
    not_held
}

async fn release(
    context: &ProcedureContext,
    step_name: &str,
    line: &LineState,
) -> Result<LineState, NotDone<HoldRefused>> {
    let (order_id, line_id) = (line.order_id.clone(), line.line_id.clone());
    let one = ReleaseOne { order_id, line_id, sku: line.sku.clone() };
    match context.send(line_step(step_name, line), one).await {
        Ok(released) => Ok(released.line),
        // The line is no longer held.
        Err(NotDone::Refused(_)) => Ok(line.clone()),
        Err(NotDone::Failed(failure)) => Err(NotDone::Failed(failure)),
        Err(NotDone::Unknown(why)) => Err(NotDone::Unknown(why)),
    }
}

/// The name of a step for a line. Ids cannot contain the separator, so that names are unique.
fn line_step(step_name: &str, line: &LineState) -> String {
    format!("{step_name}/{}{SEPARATOR}{}", line.line_id.0, line.sku.0)
}

/// Confirms all held lines of the order. If the hold of a line has ended, none is confirmed.
pub(super) async fn confirm_hold(
    context: ProcedureContext,
    command: ConfirmHold,
) -> Result<Held, NotDone<HoldRefused>> {
    let order_id = command.order_id;
    let ids = |lines: &[LineState]| lines.iter().map(|it| it.line_id.clone()).collect();
    let placed = lines_in(&context, &order_id, &[LinePhase::Held, LinePhase::Placed])?;
    let (ended, placed) = context.pin("hold", (ended(&context, &order_id)?, placed)).await?;
    if !ended.is_empty() {
        let (expired, confirmed) = (ids(&ended), Vec::new());
        return Err(NotDone::Refused(HoldRefused::HoldExpired { order_id, expired, confirmed }));
    }
    if placed.is_empty() {
        return Err(NotDone::Refused(HoldRefused::UnknownHold { order_id }));
    }
    let (mut lines, mut done) = (Vec::new(), Vec::new());
    for line in placed {
        if line.state == LinePhase::Placed {
            lines.push(line);
            continue;
        }
        let (order, line_id) = (order_id.clone(), line.line_id.clone());
        let one = ConfirmOne { order_id: order, line_id, sku: line.sku.clone() };
        let confirmed =
            context.send(line_step("confirm", &line), one).await.map_err(|not_done| {
                not_done.map_refused(|_| HoldRefused::HoldExpired {
                    order_id: order_id.clone(),
                    expired: vec![line.line_id.clone()],
                    confirmed: ids(&done),
                })
            })?;
        done.push(confirmed.clone());
        lines.push(confirmed);
    }
    Ok(Held { order_id, lines })
}

/// Releases all held lines of the order, and removes those whose hold has ended.
pub(super) async fn release_hold(
    context: ProcedureContext,
    command: ReleaseHold,
) -> Result<Held, NotDone<HoldRefused>> {
    let order_id = command.order_id;
    let held = lines_in(&context, &order_id, &[LinePhase::Held, LinePhase::HoldEnded])?;
    let held = context.pin("hold", held).await?;
    if held.is_empty() {
        return Err(NotDone::Refused(HoldRefused::UnknownHold { order_id }));
    }
    let mut lines = Vec::new();
    for line in held {
        lines.push(release(&context, "release", &line).await?);
    }
    Ok(Held { order_id, lines })
}

/// The lines of an order whose hold has ended.
fn ended(context: &ProcedureContext, order_id: &OrderId) -> Result<Vec<LineState>, Failure> {
    let lines = lines_in(context, order_id, &[LinePhase::HoldEnded, LinePhase::Held])?;
    let has_ended = |line: &LineState| {
        let is_due = line.held_until_ms.is_some_and(|until| until <= context.now().0);
        line.state == LinePhase::HoldEnded || is_due
    };
    Ok(lines.into_iter().filter(has_ended).collect())
}

/// The lines of an order in some phases.
fn lines_in(
    context: &ProcedureContext,
    order_id: &OrderId,
    phases: &[LinePhase],
) -> Result<Vec<LineState>, Failure> {
    let lines = context.ask(GetLines { order_id: order_id.clone(), line_id: None })?;
    Ok(lines.into_iter().filter(|line| phases.contains(&line.state)).collect())
}
