//! The table of the allocation service: which function handles which message, and which facts each
//! function may record.

use earmark_kernel::{Command, Fact, Service};

use super::events::{
    Allocated, BatchClosed, BatchCreated, BatchEtaChanged, BatchResized, Deallocated, GoodsReady,
    HoldAdopted, HoldConfirmed, HoldEnded, Queued, Released, Returned, Shipped, StockExhausted,
};
use super::handlers::{batches, goods, holds, lines};
use super::reference::{Claimed, Reference};
use super::reservation::aggregate::Reservation;
use super::reservation::events::{
    ConfirmOpened, Confirmed, Expired, Extended, HoldDropped, HoldOpened, Incomplete,
    ReleaseOpened, Reserved, Short,
};
use super::reservation::line_steps::{ConfirmOne, HoldOne, LookAtLine, NoteExhausted, ReleaseOne};
use super::reservation::steps::{
    BeginConfirm, BeginHold, BeginRelease, EndConfirm, EndHold, EndRelease, NoteIncomplete,
};
use super::reservation::{deciding, decisions};
use super::stock::Stock;
use super::{
    expiry, messages, procedures, publications, queries, reallocation, reservation, timers, views,
};

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

/// The allocation service.
#[must_use]
pub fn service() -> Service {
    Service::of::<Stock>("allocation")
        .and_of::<Reference>()
        .and_of::<Reservation>()
        .invariant(Stock::check)
        .invariant(Reservation::check)
        .audit::<reservation::audit::Holds>()
        .invariant_after(Stock::check_after)
        .before_each(expiry::expire_due, &[HoldEnded::NAME, BatchClosed::NAME, Deallocated::NAME])
        // Batches.
        .orchestrates(procedures::create_batch)
        .handles(batches::claim_reference, &[Claimed::NAME])
        .handles(batches::add_batch, &[BatchCreated::NAME])
        .handles(
            batches::change_batch,
            &[
                BatchResized::NAME,
                BatchEtaChanged::NAME,
                Deallocated::NAME,
                Allocated::NAME,
            ],
        )
        .resolves_key(queries::sku_of_changed)
        .handles(batches::close_batch, &[BatchClosed::NAME, Deallocated::NAME])
        .resolves_key(queries::sku_of_closed)
        // Lines.
        .handles(lines::allocate, &[Allocated::NAME, Queued::NAME, StockExhausted::NAME])
        .handles(lines::deallocate, &[Released::NAME])
        .resolves_key(queries::sku_of_released)
        // Goods.
        .handles(goods::ship, &[Shipped::NAME])
        .resolves_key(queries::sku_of_shipped)
        .handles(goods::accept_return, &[Returned::NAME])
        .resolves_key(queries::sku_of_returned)
        // Holds.
        .orchestrates(reservation::procedures::hold)
        .orchestrates(reservation::procedures::extend_hold)
        .orchestrates(reservation::procedures::confirm_hold)
        .orchestrates(reservation::procedures::release_hold)
        .handles(decisions::begin_hold, &[HoldOpened::NAME])
        .handles(decisions::end_hold, &[Reserved::NAME, Short::NAME, HoldDropped::NAME])
        .handles(decisions::extend, &[Extended::NAME])
        .handles(decisions::begin_confirm, &[ConfirmOpened::NAME])
        .handles(decisions::end_confirm, &[Confirmed::NAME])
        .handles(decisions::note_incomplete, &[Incomplete::NAME])
        .handles(decisions::begin_release, &[ReleaseOpened::NAME])
        .handles(decisions::end_release, &[reservation::events::Released::NAME, Expired::NAME])
        .handles(holds::hold_one, &[Allocated::NAME, HoldAdopted::NAME])
        .handles(
            holds::confirm_one,
            &[HoldConfirmed::NAME, Allocated::NAME, Queued::NAME, StockExhausted::NAME],
        )
        .handles(holds::release_one, &[Released::NAME, HoldEnded::NAME])
        .handles(holds::note_exhausted, &[StockExhausted::NAME])
        .handles(holds::look_at_line, &[])
        .handles_together(deciding::hold_whole, HOLD_STEPS, |it| it.0.lines.len())
        .handles_together(deciding::confirm_whole, CONFIRM_STEPS, |_| 1)
        .handles_together(deciding::release_whole, RELEASE_STEPS, |_| 1)
        .handles_together(deciding::hold_part, &[HoldOne::NAME], |it| it.lines.len())
        .handles_together(deciding::confirm_part, &[ConfirmOne::NAME], |it| it.lines.len())
        .handles_together(deciding::release_part, &[ReleaseOne::NAME], |it| it.lines.len())
        .effect("finish_holds", reservation::views::due, reservation::procedures::finish_due)
        // Messages of other systems.
        .translates(messages::resize_batch)
        .translates(messages::allocate_line)
        .timer(timers::hold_end)
        .timer(timers::batch_expiry)
        // Consequences of a fact, in the same unit of work.
        .on(
            reallocation::reallocate,
            &[Allocated::NAME, StockExhausted::NAME, HoldEnded::NAME],
        )
        .on(reallocation::allocate_new_stock, &[Allocated::NAME])
        .on(reallocation::allocate_added_stock, &[Allocated::NAME])
        .on(reallocation::allocate_released_stock, &[Allocated::NAME])
        .on(reallocation::allocate_stock_of_ended_hold, &[Allocated::NAME])
        .on(reallocation::allocate_returned_stock, &[Allocated::NAME])
        .on(reallocation::tell_moved_goods, &[GoodsReady::NAME])
        .on(reallocation::tell_arrived_goods, &[GoodsReady::NAME])
        .on(reallocation::reallocate_after_eta_change, &[Deallocated::NAME, Allocated::NAME])
        // Views and queries.
        .view::<views::Batches>()
        .view::<views::BatchSkus>()
        .view::<views::Lines>()
        .view::<views::ShortLines>()
        .view::<reservation::views::Reservations>()
        .answers(queries::get_batch)
        .answers(queries::get_lines)
        .answers_from_history(queries::explain_line)
        .answers(reservation::queries::get_hold)
        .answers(reservation::queries::list_holds)
        .answers(reservation::queries::get_reservation)
        .answers(reservation::queries::get_missing)
        .answers(reservation::queries::get_unreserved)
        .answers(queries::list_stock)
        .answers(queries::get_stock)
        .answers_from_history(queries::stock_history)
        // Public events.
        .publishes(publications::line_allocated)
        .publishes(publications::line_deallocated)
        .publishes(publications::line_released)
        .publishes(publications::hold_ended)
        .publishes(publications::out_of_stock)
        .publishes(publications::line_shipped)
        .publishes(publications::batch_quantity_changed)
        .publishes(publications::line_ready)
        .publishes(reservation::publications::order_reserved)
        .publishes(reservation::publications::order_short)
        .publishes(reservation::publications::order_extended)
        .publishes(reservation::publications::order_held_for_good)
        .publishes(reservation::publications::hold_incomplete)
        .publishes(reservation::publications::hold_expired)
        .publishes(reservation::publications::order_released)
}
