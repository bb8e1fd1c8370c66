//! The services of Earmark: a folder for each, with the same file names. `table.rs` declares the
//! service.

pub mod allocation;
mod declare_events;

#[cfg(test)]
mod testing;
