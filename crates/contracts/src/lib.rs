//! The message contracts of Earmark's services: commands, queries, public events and refusals.

pub mod allocation;
pub mod bindings;
pub mod values;
