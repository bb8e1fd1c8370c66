//! The part of the allocation service's table that concerns holds.

use earmark_kernel::{Command, Fact, Service};

use super::aggregate::Reservation;
use super::events::{
    ConfirmOpened, Confirmed, Expired, Extended, HoldDropped, HoldOpened, Incomplete,
    ReleaseOpened, Released, Reserved, Short,
};
use super::line_steps::{ConfirmOne, HoldOne, LookAtLine, NoteExhausted, ReleaseOne};
use super::steps::{
    BeginConfirm, BeginHold, BeginRelease, EndConfirm, EndHold, EndRelease, NoteIncomplete,
};
use super::{audit, deciding, decisions, procedures, publications, queries, views};
use crate::allocation::events::{
    self as stock, Allocated, HoldAdopted, HoldConfirmed, HoldEnded, Queued, StockExhausted,
};
use crate::allocation::handlers::holds;

/// What a hold in one record may send.
const HOLD_STEPS: &[&str] = &[
    BeginRelease::NAME,
    EndRelease::NAME,
    BeginHold::NAME,
    HoldOne::NAME,
    ReleaseOne::NAME,
    NoteExhausted::NAME,
    EndHold::NAME,
];
/// What a confirmation in one record may send.
const CONFIRM_STEPS: &[&str] = &[
    BeginConfirm::NAME,
    ConfirmOne::NAME,
    LookAtLine::NAME,
    NoteIncomplete::NAME,
    EndConfirm::NAME,
];
/// What a release in one record may send.
const RELEASE_STEPS: &[&str] = &[BeginRelease::NAME, ReleaseOne::NAME, EndRelease::NAME];

/// Adds what concerns holds.
pub(in crate::allocation) fn add_holds(service: Service) -> Service {
    service
        .and_of::<Reservation>()
        .invariant(Reservation::check)
        .audit::<audit::Holds>()
        .orchestrates(procedures::hold)
        .orchestrates(procedures::extend_hold)
        .orchestrates(procedures::confirm_hold)
        .orchestrates(procedures::release_hold)
        .handles(decisions::begin_hold, &[HoldOpened::NAME])
        .handles(decisions::end_hold, &[Reserved::NAME, Short::NAME, HoldDropped::NAME])
        .handles(decisions::extend, &[Extended::NAME])
        .handles(decisions::begin_confirm, &[ConfirmOpened::NAME])
        .handles(decisions::end_confirm, &[Confirmed::NAME])
        .handles(decisions::note_incomplete, &[Incomplete::NAME])
        .handles(decisions::begin_release, &[ReleaseOpened::NAME])
        .handles(decisions::end_release, &[Released::NAME, Expired::NAME])
        .handles(holds::hold_one, &[Allocated::NAME, HoldAdopted::NAME])
        .handles(
            holds::confirm_one,
            &[HoldConfirmed::NAME, Allocated::NAME, Queued::NAME, StockExhausted::NAME],
        )
        .handles(holds::release_one, &[stock::Released::NAME, HoldEnded::NAME])
        .handles(holds::note_exhausted, &[StockExhausted::NAME])
        .handles(holds::look_at_line, &[])
        .handles_together(deciding::hold_whole, HOLD_STEPS, |it| it.0.lines.len())
        .handles_together(deciding::confirm_whole, CONFIRM_STEPS, |_| 1)
        .handles_together(deciding::release_whole, RELEASE_STEPS, |_| 1)
        .handles_together(deciding::hold_part, &[HoldOne::NAME], |it| it.lines.len())
        .handles_together(deciding::confirm_part, &[ConfirmOne::NAME], |it| it.lines.len())
        .handles_together(deciding::release_part, &[ReleaseOne::NAME], |it| it.lines.len())
        .effect("finish_holds", views::due, procedures::finish_due)
        .view::<views::Reservations>()
        .answers(queries::get_hold)
        .answers(queries::list_holds)
        .answers(queries::get_reservation)
        .answers(queries::get_missing)
        .answers(queries::get_unreserved)
        .publishes(super::super::publications::line_ready)
        .publishes(publications::order_reserved)
        .publishes(publications::order_short)
        .publishes(publications::order_extended)
        .publishes(publications::order_held_for_good)
        .publishes(publications::hold_incomplete)
        .publishes(publications::hold_expired)
        .publishes(publications::order_released)
}
