//! Handlers of a reservation: whether an operation may begin, and how it ended.

use earmark_contracts::allocation::{HoldRefused, IfUnavailable, LineName, ReleasedLine};
use earmark_contracts::values::{LineId, OrderId};
use earmark_kernel::{Recorder, UnixMillis};

use super::aggregate::{Line, Reservation, Status};
use super::events::{
    ConfirmOpened, Confirmed, Expired, Extended, HoldDropped, HoldOpened, Incomplete,
    ReleaseOpened, ReleaseReason, Released, ReservationEvent, Reserved, Short, WantedLine,
};
use super::steps::{
    BeginConfirm, BeginHold, BeginRelease, ConfirmPlan, Course, EndConfirm, EndHold, EndRelease,
    Extend, HoldOutcome, HoldPlan, HoldUntil, Missing, NoteIncomplete, ReleasePlan,
};

/// Begins a hold. It ends with the hold that the order has, at the later of both times.
pub(in crate::allocation) fn begin_hold(
    reservation: &mut Recorder<Reservation>,
    command: BeginHold,
    now: UnixMillis,
) -> Result<HoldPlan, HoldRefused> {
    let BeginHold { order_id, lines, until, course, ended_before } = command;
    let round = next_round(reservation, &order_id)?;
    if reservation.is_overdue(now) {
        return Err(HoldRefused::ReservationBusy { order_id });
    }
    if let Some((line_id, differs)) = lines.iter().find_map(|line| difference(reservation, line)) {
        return Err(HoldRefused::LineExists { line_id, differs: differs.to_owned() });
    }
    let requested = match until {
        HoldUntil::Seconds(ttl_s) => now.plus_ms(i64::from(ttl_s) * 1_000),
        HoldUntil::Time(time) => time,
    };
    let until = reservation.until.map_or(requested, |until| until.max(requested));
    let expired = reservation.with(&[Status::Expired]).map(|line| line.name.clone());
    let is_requested = |name: &LineName| lines.iter().any(|line| line.name == *name);
    let forget: Vec<_> = expired.chain(ended_before).filter(|name| !is_requested(name)).collect();
    if course == Course::InParts {
        let (lines, forget) = (lines, forget.clone());
        let opened = HoldOpened { round, since: now, until, lines, forget };
        reservation.record(ReservationEvent::HoldOpened(opened));
    }
    let has_end = reservation.until == Some(until);
    Ok(HoldPlan { round, until, has_end, forget })
}

/// The number of the next operation, if none is open.
fn next_round(reservation: &Reservation, order_id: &OrderId) -> Result<u32, HoldRefused> {
    if reservation.open.is_some() {
        return Err(HoldRefused::ReservationBusy { order_id: order_id.clone() });
    }
    Ok(reservation.round + 1)
}

/// Whether the operation with this number has not ended yet: it is open, or the next one. Its end
/// may come twice, if two carry it on.
fn is_current(reservation: &Reservation, round: u32) -> bool {
    match &reservation.open {
        Some(_) => round == reservation.round,
        None => round == reservation.round + 1,
    }
}

/// The field in which a line without stock differs from the one that is kept in the hold. Lines
/// with stock are compared by the stock.
fn difference(reservation: &Reservation, requested: &WantedLine) -> Option<(LineId, &'static str)> {
    let line = reservation.line(&requested.name).filter(|it| it.status == Status::Wanted)?;
    let differs = match () {
        () if line.quantity != requested.quantity => "quantity",
        () if line.need_by != requested.need_by => "need_by",
        () if line.priority != requested.priority => "priority",
        () => return None,
    };
    Some((requested.name.line_id.clone(), differs))
}

/// Records how a hold ended.
pub(in crate::allocation) fn end_hold(
    reservation: &mut Recorder<Reservation>,
    command: EndHold,
    _: UnixMillis,
) -> Result<(), HoldRefused> {
    let EndHold { round, outcome, .. } = command;
    if !is_current(reservation, round) {
        return Ok(());
    }
    reservation.record(match outcome {
        HoldOutcome::Held { until, lines } => {
            ReservationEvent::Reserved(Reserved { round, until, lines })
        }
        HoldOutcome::Refused(HoldRefused::OutOfStock {
            line_id,
            sku,
            requested,
            available,
            earliest,
        }) => {
            let name = LineName { line_id, sku };
            ReservationEvent::Short(Short { round, name, requested, available, earliest })
        }
        HoldOutcome::Refused(refusal) => {
            let reason = refusal.to_string();
            ReservationEvent::HoldDropped(HoldDropped { round, reason })
        }
    });
    Ok(())
}

/// Begins a confirmation. It is refused from the end of the hold on.
pub(in crate::allocation) fn begin_confirm(
    reservation: &mut Recorder<Reservation>,
    command: BeginConfirm,
    now: UnixMillis,
) -> Result<ConfirmPlan, HoldRefused> {
    let BeginConfirm { order_id, course, ended_before, missing } = command;
    let round = next_round(reservation, &order_id)?;
    if !ended_before.is_empty() {
        let expired = ended_before.into_iter().map(|name| name.line_id).collect();
        return Err(HoldRefused::HoldExpired { order_id, expired, confirmed: Vec::new() });
    }
    refuse_ended(reservation, &order_id, now)?;
    missing.map_or(Ok(()), |missing| refuse_missing(reservation, &order_id, &missing))?;
    let lines: Vec<_> = reservation.held().map(Line::wanted).collect();
    if lines.is_empty() {
        let confirmed = reservation.with(&[Status::Confirmed]);
        let lines = confirmed.map(Line::wanted).collect();
        return Ok(ConfirmPlan { round, lines, was_confirmed: true });
    }
    if course == Course::InParts {
        let opened = ConfirmOpened { round, since: now };
        reservation.record(ReservationEvent::ConfirmOpened(opened));
    }
    Ok(ConfirmPlan { round, lines, was_confirmed: false })
}

/// Refuses what needs a hold, or confirmed lines, if there is neither or the hold has ended.
fn refuse_ended(
    reservation: &Reservation,
    order_id: &OrderId,
    now: UnixMillis,
) -> Result<(), HoldRefused> {
    let ended: Vec<_> = if reservation.is_overdue(now) {
        reservation.held().map(|line| line.name.line_id.clone()).collect()
    } else {
        reservation.with(&[Status::Expired]).map(|line| line.name.line_id.clone()).collect()
    };
    let order_id = order_id.clone();
    if !ended.is_empty() {
        return Err(HoldRefused::HoldExpired { order_id, expired: ended, confirmed: Vec::new() });
    }
    if reservation.lines.is_empty() {
        return Err(HoldRefused::UnknownHold { order_id });
    }
    Ok(())
}

/// Refuses what needs all lines of a hold if some have lost their stock. Another operation may have
/// changed the lines since they were looked at.
fn refuse_missing(
    reservation: &Reservation,
    order_id: &OrderId,
    missing: &Missing,
) -> Result<(), HoldRefused> {
    if missing.round != Some(reservation.round) {
        return Err(HoldRefused::ReservationBusy { order_id: order_id.clone() });
    }
    if missing.lines.is_empty() { Ok(()) } else { Err(incomplete(order_id, &missing.lines)) }
}

/// The refusal of what needs all lines of a hold.
pub(super) fn incomplete(order_id: &OrderId, missing: &[LineName]) -> HoldRefused {
    let missing = missing.iter().map(|name| name.line_id.clone()).collect();
    HoldRefused::HoldIncomplete { order_id: order_id.clone(), missing }
}

/// Records that all lines are confirmed.
pub(in crate::allocation) fn end_confirm(
    reservation: &mut Recorder<Reservation>,
    command: EndConfirm,
    _: UnixMillis,
) -> Result<(), HoldRefused> {
    let EndConfirm { round, lines, .. } = command;
    if !is_current(reservation, round) {
        return Ok(());
    }
    reservation.record(ReservationEvent::Confirmed(Confirmed { round, lines }));
    Ok(())
}

/// Records that lines have lost their stock, if no operation has begun since they were looked at.
pub(in crate::allocation) fn note_incomplete(
    reservation: &mut Recorder<Reservation>,
    command: NoteIncomplete,
    _: UnixMillis,
) -> Result<(), HoldRefused> {
    let Missing { round, lines: missing } = command.missing;
    if reservation.open.is_none() && round == Some(reservation.round) {
        reservation.record(ReservationEvent::Incomplete(Incomplete { missing }));
    }
    Ok(())
}

/// Begins to give the lines of a hold back, on request or because the hold has ended.
pub(in crate::allocation) fn begin_release(
    reservation: &mut Recorder<Reservation>,
    command: BeginRelease,
    now: UnixMillis,
) -> Result<ReleasePlan, HoldRefused> {
    let BeginRelease { order_id, reason, course, ended_before } = command;
    let round = next_round(reservation, &order_id)?;
    let is_overdue = reservation.is_overdue(now);
    let lines = match reason {
        ReleaseReason::Released if is_overdue => {
            return Err(HoldRefused::ReservationBusy { order_id });
        }
        // It was confirmed, released or extended meanwhile.
        ReleaseReason::Expired if !is_overdue => Vec::new(),
        reason => reservation.given_back(reason, &ended_before),
    };
    if lines.is_empty() {
        return Err(HoldRefused::UnknownHold { order_id });
    }
    if course == Course::InParts {
        let opened = ReleaseOpened { round, since: now, reason, forget: ended_before };
        reservation.record(ReservationEvent::ReleaseOpened(opened));
    }
    Ok(ReleasePlan { round, lines })
}

/// Records that the lines were given back.
pub(in crate::allocation) fn end_release(
    reservation: &mut Recorder<Reservation>,
    command: EndRelease,
    _: UnixMillis,
) -> Result<(), HoldRefused> {
    let EndRelease { round, reason, lines, .. } = command;
    if !is_current(reservation, round) {
        return Ok(());
    }
    reservation.record(match reason {
        ReleaseReason::Released => ReservationEvent::Released(Released { round, lines }),
        ReleaseReason::Expired => {
            let name = |it: ReleasedLine| LineName { line_id: it.line_id, sku: it.sku };
            let lines = lines.into_iter().map(name).collect();
            ReservationEvent::Expired(Expired { round, lines })
        }
    });
    Ok(())
}

/// Moves the end of a hold to a later time.
pub(in crate::allocation) fn extend(
    reservation: &mut Recorder<Reservation>,
    command: Extend,
    now: UnixMillis,
) -> Result<UnixMillis, HoldRefused> {
    let Extend { order_id, ttl_s, missing } = command;
    if reservation.open.is_some() {
        return Err(HoldRefused::ReservationBusy { order_id });
    }
    refuse_ended(reservation, &order_id, now)?;
    refuse_missing(reservation, &order_id, &missing)?;
    let Some(before) = reservation.until else {
        return Err(HoldRefused::UnknownHold { order_id });
    };
    let until = now.plus_ms(i64::from(ttl_s) * 1_000);
    if until <= before {
        return Ok(before);
    }
    reservation.record(ReservationEvent::Extended(Extended { until }));
    Ok(until)
}

/// Whether a line without stock may be kept in the hold.
pub(super) fn may_wait(line: &WantedLine) -> bool {
    line.if_unavailable == IfUnavailable::Backorder
}
