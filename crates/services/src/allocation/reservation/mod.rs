//! Holds: the reservation of an order decides for all its held lines, as a whole.

pub(in crate::allocation) mod aggregate;
mod answers;
pub(in crate::allocation) mod audit;
pub(in crate::allocation) mod composites;
pub(in crate::allocation) mod deciding;
pub(in crate::allocation) mod decisions;
pub(in crate::allocation) mod events;
pub(in crate::allocation) mod line_steps;
mod parts;
pub(in crate::allocation) mod procedures;
pub(in crate::allocation) mod publications;
pub(in crate::allocation) mod queries;
pub(in crate::allocation) mod steps;
pub(in crate::allocation) mod table;
pub(in crate::allocation) mod views;
