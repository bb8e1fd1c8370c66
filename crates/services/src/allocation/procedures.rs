//! What takes several commands: each step is safe to repeat, and nothing half done stays.

use earmark_contracts::allocation::{
    AllocateRefused, BatchCreated, BatchRefused, ConfirmHold, CreateBatch, GetLines, Held, Hold,
    HoldRefused, LinePhase, LineState, Outcome, ReleaseHold,
};
use earmark_contracts::values::OrderId;
use earmark_kernel::{Failure, NotDone, ProcedureContext};

use super::steps::{AddBatch, ClaimReference, ConfirmOne, HoldOne, ReleaseOne};

/// The reference is claimed for the SKU first, so that no two SKUs have the same; then the batch
/// comes into being. A claim without a batch keeps nobody from creating it later.
pub(super) async fn create_batch(
    context: ProcedureContext,
    command: CreateBatch,
) -> Result<BatchCreated, NotDone<BatchRefused>> {
    let (reference, sku) = (command.reference.clone(), command.sku.clone());
    context.send("claim", ClaimReference { reference, sku }).await?;
    context.send("add", AddBatch(command)).await
}

/// Every line is held, one after another; if one cannot be, those held now are released.
pub(super) async fn hold(
    context: ProcedureContext,
    command: Hold,
) -> Result<Held, NotDone<HoldRefused>> {
    let Hold { order_id, lines, ttl_s } = command;
    // Those wanted now are not forgotten: the stock accepts them anew by itself.
    let is_wanted = |line: &LineState| {
        lines.iter().any(|it| (it.line(), &it.sku) == (line.line_id.clone(), &line.sku))
    };
    for line in ended(&context, &order_id)?.into_iter().filter(|line| !is_wanted(line)) {
        release(&context, "forget", &line).await?;
    }
    let (mut held, mut fresh) = (Vec::new(), Vec::new());
    for (place, line) in lines.into_iter().enumerate() {
        let one = HoldOne {
            order_id: order_id.clone(),
            line_id: line.line(),
            sku: line.sku,
            quantity: line.quantity,
            ttl_s,
        };
        let (line_id, sku) = (one.line_id.clone(), one.sku.clone());
        let not_held = match context.send(format!("hold/{place}"), one).await {
            Ok(placement) => match placement.outcome {
                Outcome::Placed { line, .. } | Outcome::Short { line, .. } => {
                    if !placement.already_accepted {
                        fresh.push(line.clone());
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
        return Err(undo(&context, &fresh, not_held).await);
    }
    Ok(Held { order_id, lines: held })
}

/// Releases what was held now. What cannot be released ends by itself, but then the outcome is
/// not known. A caller with a key asks again and gets the rest: what was held must still be so.
async fn undo(
    context: &ProcedureContext,
    fresh: &[LineState],
    not_held: NotDone<HoldRefused>,
) -> NotDone<HoldRefused> {
    if context.dry_run() || fresh.is_empty() {
        return not_held;
    }
    if let (NotDone::Failed(_) | NotDone::Unknown(_), true) = (&not_held, context.replays()) {
        return NotDone::Unknown(format!("not all lines were held yet: {not_held:?}"));
    }
    for line in fresh {
        if let Err(why) = release(context, "undo", line).await {
            let line = &line.line_id.0;
            return NotDone::Unknown(format!("the line {line} may be held until it ends: {why}"));
        }
    }
    not_held
}

async fn release(
    context: &ProcedureContext,
    why: &str,
    line: &LineState,
) -> Result<LineState, NotDone<HoldRefused>> {
    let (order_id, line_id) = (line.order_id.clone(), line.line_id.clone());
    let one = ReleaseOne { order_id, line_id, sku: line.sku.clone() };
    match context.send(step(why, line), one).await {
        Ok(released) => Ok(released.line),
        // It has gone by itself.
        Err(NotDone::Refused(_)) => Ok(line.clone()),
        Err(NotDone::Failed(failure)) => Err(NotDone::Failed(failure)),
        Err(NotDone::Unknown(why)) => Err(NotDone::Unknown(why)),
    }
}

/// The step for a line; no name contains what stands between the names.
fn step(what: &str, line: &LineState) -> String {
    format!("{what}/{}\u{1f}{}", line.line_id.0, line.sku.0)
}

/// Every held line of the order keeps its place; if some have lost theirs, nothing is confirmed.
pub(super) async fn confirm_hold(
    context: ProcedureContext,
    command: ConfirmHold,
) -> Result<Held, NotDone<HoldRefused>> {
    let order_id = command.order_id;
    let names = |lines: &[LineState]| lines.iter().map(|it| it.line_id.clone()).collect();
    let placed = lines_in(&context, &order_id, &[LinePhase::Held, LinePhase::Placed])?;
    let (ended, placed) = context.pin("hold", (ended(&context, &order_id)?, placed)).await?;
    if !ended.is_empty() {
        let (expired, confirmed) = (names(&ended), Vec::new());
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
        let confirmed = context.send(step("confirm", &line), one).await.map_err(|not_done| {
            not_done.map_refused(|_| HoldRefused::HoldExpired {
                order_id: order_id.clone(),
                expired: vec![line.line_id.clone()],
                confirmed: names(&done),
            })
        })?;
        done.push(confirmed.clone());
        lines.push(confirmed);
    }
    Ok(Held { order_id, lines })
}

/// Every held line of the order gives its place back; what has ended is forgotten.
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

fn ended(context: &ProcedureContext, order_id: &OrderId) -> Result<Vec<LineState>, Failure> {
    let lines = lines_in(context, order_id, &[LinePhase::HoldEnded, LinePhase::Held])?;
    let over = |line: &LineState| {
        let over = line.held_until_ms.is_some_and(|until| until <= context.now().0);
        line.state == LinePhase::HoldEnded || over
    };
    Ok(lines.into_iter().filter(over).collect())
}

fn lines_in(
    context: &ProcedureContext,
    order_id: &OrderId,
    phases: &[LinePhase],
) -> Result<Vec<LineState>, Failure> {
    let lines = context.ask(GetLines { order_id: order_id.clone(), line_id: None })?;
    Ok(lines.into_iter().filter(|line| phases.contains(&line.state)).collect())
}
