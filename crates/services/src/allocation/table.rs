//! The table of the allocation service: which function handles which message, and which facts each
//! function may record.

use earmark_kernel::{Fact, Service};

use super::events::{
    Allocated, BatchClosed, BatchCreated, BatchEtaChanged, BatchResized, Deallocated, GoodsReady,
    HoldEnded, Queued, Released, Returned, Shipped, StockExhausted,
};
use super::handlers::{batches, goods, lines};
use super::reference::{Claimed, Reference};
use super::stock::Stock;
use super::{
    expiry, messages, procedures, publications, queries, reallocation, reservation, timers, views,
};

/// The allocation service.
#[must_use]
pub fn service() -> Service {
    let service = Service::of::<Stock>("allocation")
        .and_of::<Reference>()
        .invariant(Stock::check)
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
        .answers(queries::get_batch)
        .answers(queries::get_lines)
        .answers_from_history(queries::explain_line)
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
        .publishes(publications::batch_quantity_changed);
    reservation::table::add_holds(service)
}
