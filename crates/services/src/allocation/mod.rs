//! Allocation: stock is promised to order lines. The whole service at a glance.

mod batch_totals;
mod batches;
pub mod events;
mod facts;
mod handlers;
mod line_index;
mod messages;
mod moves;
mod placing;
mod procedures;
mod publications;
mod queries;
mod ranking;
mod reactions;
mod reference;
mod steps;
mod stock;
mod timers;
mod tree;
mod views;

#[cfg(test)]
mod tests;

use earmark_kernel::Service;

pub use batch_totals::{BatchTotals, Line, Place};
pub use events::{LineKey, StockEvent};
pub use reference::{Reference, ReferenceEvent};
pub use stock::Stock;

const ALLOCATED: &str = "allocation.allocated";
const BATCH_CLOSED: &str = "allocation.batch_closed";
const BATCH_CREATED: &str = "allocation.batch_created";
const BATCH_ETA_CHANGED: &str = "allocation.batch_eta_changed";
const BATCH_QUANTITY_CHANGED: &str = "allocation.batch_quantity_changed";
const DEALLOCATED: &str = "allocation.deallocated";
const HOLD_CONFIRMED: &str = "allocation.hold_confirmed";
const HOLD_ENDED: &str = "allocation.hold_ended";
const OUT_OF_STOCK: &str = "allocation.out_of_stock";
const QUEUED: &str = "allocation.queued";
const RELEASED: &str = "allocation.released";
const RETURNED: &str = "allocation.returned";
const SHIPPED: &str = "allocation.shipped";

/// The allocation service.
#[must_use]
pub fn service() -> Service {
    Service::of::<Stock>("allocation")
        .and_of::<Reference>()
        .invariant(Stock::check)
        .invariant_after(Stock::check_after)
        .before_each(batches::expire_due, &[HOLD_ENDED, BATCH_CLOSED, DEALLOCATED])
        // Batches.
        .orchestrates(procedures::create_batch)
        .handles(batches::claim_reference, &[reference::CLAIMED])
        .handles(batches::add_batch, &[BATCH_CREATED])
        .handles(
            batches::change_batch,
            &[BATCH_QUANTITY_CHANGED, BATCH_ETA_CHANGED, DEALLOCATED, ALLOCATED],
        )
        .resolves_key(queries::sku_of_changed)
        .handles(batches::close_batch, &[BATCH_CLOSED, DEALLOCATED])
        .resolves_key(queries::sku_of_closed)
        // Lines.
        .handles(handlers::allocate, &[ALLOCATED, QUEUED, OUT_OF_STOCK])
        .handles(handlers::deallocate, &[RELEASED])
        .resolves_key(queries::sku_of_released)
        .handles(handlers::ship, &[SHIPPED])
        .resolves_key(queries::sku_of_shipped)
        .handles(handlers::take_back, &[RETURNED])
        .resolves_key(queries::sku_of_returned)
        // Holds.
        .orchestrates(procedures::hold)
        .orchestrates(procedures::confirm_hold)
        .orchestrates(procedures::release_hold)
        .handles(handlers::hold_one, &[ALLOCATED, OUT_OF_STOCK])
        .handles(handlers::confirm_one, &[HOLD_CONFIRMED])
        .handles(handlers::release_one, &[RELEASED])
        // What others say in the book's words.
        .translates(messages::resize_batch)
        .translates(messages::allocate_line)
        .timer(timers::hold_end)
        .timer(timers::batch_expiry)
        // What follows in the same unit of work.
        .on(batches::reallocate, &[ALLOCATED, OUT_OF_STOCK, HOLD_ENDED])
        .on(batches::fill_new_batch, &[ALLOCATED])
        .on(batches::fill_changed_batch, &[ALLOCATED])
        .on(batches::fill_released_place, &[ALLOCATED])
        .on(batches::fill_held_place, &[ALLOCATED])
        .on(batches::fill_with_returned, &[ALLOCATED])
        .on(batches::replan_for_eta, &[DEALLOCATED, ALLOCATED])
        // What is kept, and what can be asked.
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
        // What others hear.
        .publishes(publications::line_allocated)
        .publishes(publications::line_deallocated)
        .publishes(publications::line_released)
        .publishes(publications::hold_ended)
        .publishes(publications::out_of_stock)
        .publishes(publications::line_shipped)
        .publishes(publications::batch_quantity_changed)
}
