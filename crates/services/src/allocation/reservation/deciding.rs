//! Operations that are decided in one record: whole ones, and the parts of those over several
//! partitions.

use earmark_contracts::allocation::{Held, HoldRefused, LineName};
use earmark_contracts::values::{OrderId, Quantity};
use earmark_kernel::{Failure, Together, UnixMillis};

use super::answers;
use super::composites::{
    ConfirmPart, ConfirmWhole, HoldPart, HoldWhole, ReleasePart, ReleaseWhole,
};
use super::decisions::incomplete;
use super::events::{ReleaseReason, WantedLine};
use super::line_steps::{
    ConfirmOne, ConfirmedOne, HeldOne, HoldOne, LookAtLine, NoteExhausted, ReleaseOne, ReleasedOne,
};
use super::steps::{
    BeginRelease, ConfirmPlan, Course, EndConfirm, EndHold, EndRelease, HoldOutcome, Missing,
    NoteIncomplete, ReleasePlan,
};

/// The result of a command that is decided together with others.
type Decided<A> = Result<Result<A, HoldRefused>, Failure>;

/// Holds all lines or none.
pub(in crate::allocation) fn hold_whole(
    together: &mut Together,
    command: HoldWhole,
) -> Decided<Held> {
    let HoldWhole(begin) = command;
    let (order_id, lines) = (begin.order_id.clone(), begin.lines.clone());
    expire_overdue(together, &order_id)?;
    let plan = match together.send(begin)? {
        Ok(plan) => plan,
        Err(refusal) => return refuse(refusal),
    };
    let asked = Asked { order_id: &order_id, round: plan.round, until: plan.until };
    let outcomes = match together.attempt(|together| hold_lines(together, &asked, &lines))? {
        Ok(outcomes) => outcomes,
        Err(refusal) => {
            note_refused(together, &asked, &refusal)?;
            return Ok(Err(refusal));
        }
    };
    release_lines(together, &order_id, &plan.forget, ReleaseReason::Released)?;
    let (held, logged) = answers::held(&order_id, plan.until, &lines, outcomes);
    if held.existed && plan.has_end && plan.forget.is_empty() {
        return Ok(Ok(held));
    }
    let outcome = HoldOutcome::Held { until: plan.until, lines: logged };
    let _ = together.send(EndHold { order_id, round: plan.round, outcome })?;
    Ok(Ok(held))
}

/// A hold in progress.
struct Asked<'a> {
    order_id: &'a OrderId,
    round: u32,
    until: UnixMillis,
}

/// A refusal that another attempt may not get is not stored.
fn refuse<A>(refusal: HoldRefused) -> Decided<A> {
    match refusal {
        HoldRefused::ReservationBusy { .. } => Err(Failure::Conflict(refusal.to_string())),
        refusal => Ok(Err(refusal)),
    }
}

/// Holds lines until the first that is a reason to refuse the hold.
fn hold_lines(
    together: &mut Together,
    asked: &Asked,
    lines: &[WantedLine],
) -> Decided<Vec<HeldOne>> {
    let mut outcomes = Vec::with_capacity(lines.len());
    for line in lines {
        let (order_id, until, round) = (asked.order_id.clone(), asked.until, asked.round);
        let outcome = match together.send(HoldOne { order_id, line: line.clone(), until, round })? {
            Ok(outcome) => outcome,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Some(refusal) = answers::refusal(line, &outcome) {
            return Ok(Err(refusal));
        }
        outcomes.push(outcome);
    }
    Ok(Ok(outcomes))
}

/// Records that a hold was refused for missing stock. Other refusals leave no trace.
fn note_refused(
    together: &mut Together,
    asked: &Asked,
    refusal: &HoldRefused,
) -> Result<(), Failure> {
    let (order_id, round) = (asked.order_id.clone(), asked.round);
    let Some(note) = exhausted(&order_id, refusal) else {
        return Ok(());
    };
    let _ = together.send(note)?;
    let outcome = HoldOutcome::Refused(refusal.clone());
    let _ = together.send(EndHold { order_id, round, outcome })?;
    Ok(())
}

/// What the stock of a SKU records if a hold was refused for its sake.
pub(super) fn exhausted(order_id: &OrderId, refusal: &HoldRefused) -> Option<NoteExhausted> {
    let HoldRefused::OutOfStock { line_id, sku, requested, .. } = refusal else {
        return None;
    };
    let quantity = Quantity::new(u64::from(*requested)).ok()?;
    let (order_id, line_id, sku) = (order_id.clone(), line_id.clone(), sku.clone());
    Some(NoteExhausted { order_id, line_id, sku, quantity })
}

/// Confirms all lines or none.
pub(in crate::allocation) fn confirm_whole(
    together: &mut Together,
    command: ConfirmWhole,
) -> Decided<Held> {
    let ConfirmWhole(begin) = command;
    let order_id = begin.order_id.clone();
    let ConfirmPlan { round, lines, was_confirmed } = match together.send(begin)? {
        Ok(plan) => plan,
        Err(refusal) => return refuse(refusal),
    };
    if was_confirmed {
        return Ok(Ok(answers::ended(&order_id, look_at(together, &order_id, &lines)?)));
    }
    let confirmed = together
        .attempt(|together| confirm_lines(together, &order_id, round, &lines, Course::Whole))?;
    let outcomes = match confirmed {
        Ok(outcomes) => outcomes,
        Err(missing) => {
            let refusal = incomplete(&order_id, &missing);
            let _ = together.send(NoteIncomplete {
                order_id,
                missing: Missing { round: Some(round - 1), lines: missing },
            })?;
            return Ok(Err(refusal));
        }
    };
    let (held, logged) = answers::confirmed(&order_id, outcomes);
    let _ = together.send(EndConfirm { order_id, round, lines: logged })?;
    Ok(Ok(held))
}

fn look_at(
    together: &mut Together,
    order_id: &OrderId,
    lines: &[WantedLine],
) -> Result<Vec<earmark_contracts::allocation::LineState>, Failure> {
    let mut states = Vec::new();
    for line in lines {
        let (order_id, name) = (order_id.clone(), line.name.clone());
        if let Ok(Some(state)) = together.send(LookAtLine { order_id, name })? {
            states.push(state.line);
        }
    }
    Ok(states)
}

/// Confirms lines. If some have lost their stock, the error names all of them.
fn confirm_lines(
    together: &mut Together,
    order_id: &OrderId,
    round: u32,
    lines: &[WantedLine],
    course: Course,
) -> Result<Result<Vec<ConfirmedOne>, Vec<LineName>>, Failure> {
    let (mut outcomes, mut missing) = (Vec::with_capacity(lines.len()), Vec::new());
    for line in lines {
        let (order_id, name) = (order_id.clone(), line.name.clone());
        match together.send(ConfirmOne { order_id, line: line.clone(), round, course })? {
            Ok(outcome) => outcomes.push(outcome),
            Err(_) => missing.push(name),
        }
    }
    Ok(if missing.is_empty() { Ok(outcomes) } else { Err(missing) })
}

/// Gives all lines back.
pub(in crate::allocation) fn release_whole(
    together: &mut Together,
    command: ReleaseWhole,
) -> Decided<Held> {
    let ReleaseWhole(begin) = command;
    let (order_id, reason) = (begin.order_id.clone(), begin.reason);
    if reason == ReleaseReason::Released {
        expire_overdue(together, &order_id)?;
    }
    give_back(together, begin)
}

/// Gives the lines of a hold back that has ended, so that the next operation can begin.
fn expire_overdue(together: &mut Together, order_id: &OrderId) -> Result<(), Failure> {
    let begin = BeginRelease {
        order_id: order_id.clone(),
        reason: ReleaseReason::Expired,
        course: Course::Whole,
        ended_before: Vec::new(),
    };
    // A hold that has not ended is refused.
    let _ = together.attempt(|together| give_back(together, begin))?;
    Ok(())
}

fn give_back(together: &mut Together, begin: BeginRelease) -> Decided<Held> {
    let (order_id, reason) = (begin.order_id.clone(), begin.reason);
    let ReleasePlan { round, lines } = match together.send(begin)? {
        Ok(plan) => plan,
        Err(refusal) => return refuse(refusal),
    };
    let outcomes = release_lines(together, &order_id, &lines, reason)?;
    let (held, logged) = answers::released(&order_id, &lines, outcomes);
    let _ = together.send(EndRelease { order_id, round, reason, lines: logged })?;
    Ok(Ok(held))
}

fn release_lines(
    together: &mut Together,
    order_id: &OrderId,
    lines: &[LineName],
    reason: ReleaseReason,
) -> Result<Vec<ReleasedOne>, Failure> {
    let mut outcomes = Vec::with_capacity(lines.len());
    for name in lines {
        let (order_id, name) = (order_id.clone(), name.clone());
        let nothing = ReleasedOne { line: None, quantity: 0 };
        let outcome = together.send(ReleaseOne { order_id, name, reason })?;
        outcomes.push(outcome.unwrap_or(nothing));
    }
    Ok(outcomes)
}

/// Holds the lines of one partition, all or none.
pub(in crate::allocation) fn hold_part(
    together: &mut Together,
    command: HoldPart,
) -> Decided<Vec<HeldOne>> {
    let HoldPart { order_id, round, until, lines } = command;
    let asked = Asked { order_id: &order_id, round, until };
    together.attempt(|together| hold_lines(together, &asked, &lines))
}

/// Confirms the lines of one partition after the reservation was confirmed: a line that has lost
/// its stock waits for it.
pub(in crate::allocation) fn confirm_part(
    together: &mut Together,
    command: ConfirmPart,
) -> Decided<Vec<ConfirmedOne>> {
    let ConfirmPart { order_id, round, lines } = command;
    let confirmed = confirm_lines(together, &order_id, round, &lines, Course::InParts)?;
    Ok(confirmed.map_err(|missing| incomplete(&order_id, &missing)))
}

/// Gives the lines of one partition back.
pub(in crate::allocation) fn release_part(
    together: &mut Together,
    command: ReleasePart,
) -> Decided<Vec<ReleasedOne>> {
    let ReleasePart { order_id, lines, reason } = command;
    Ok(Ok(release_lines(together, &order_id, &lines, reason)?))
}
