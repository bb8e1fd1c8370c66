//! Values shared by all contracts. They are parsed once, at the edge; a value of these types is
//! always valid.

mod day;
mod ids;
mod invalid;
mod limits;
mod numbers;
mod text;

#[cfg(test)]
mod tests;

pub use day::Day;
pub use ids::{BatchReference, LineId, OrderId, Sku};
pub use invalid::InvalidValue;
pub use limits::{PRIORITY_MAX, QUANTITY_MAX, TEXT_CHARS_MAX};
pub use numbers::{Level, Priority, Quantity};
pub use text::Text;
