//! The services of Earmark. Each is a folder with the same files; `mod.rs` is its table.

pub mod allocation;
