//! The allocation service: it promises stock to order lines.

mod batch_totals;
pub mod events;
mod expiry;
mod handlers;
mod keys;
mod line;
mod line_index;
mod messages;
mod moved_lines;
mod placing;
mod procedures;
mod publications;
mod queries;
mod ranking;
mod reactions;
mod reallocation;
mod reason;
mod reference;
mod reservation;
mod steps;
mod stock;
mod table;
mod timers;
mod tree;
mod views;

#[cfg(test)]
mod tests;

pub use batch_totals::BatchTotals;
pub use events::{LineKey, StockEvent};
pub use line::{Line, LineStatus};
pub use reference::{Reference, ReferenceEvent};
pub use reservation::aggregate::{Reservation, Status as ReservedStatus};
pub use reservation::events::ReservationEvent;
pub use stock::Stock;
pub use table::service;
