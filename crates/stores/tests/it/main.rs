//! One suite for every store: the contracts of the kernel's ports, tested for each store.

#![expect(clippy::unwrap_used, reason = "a test stops at the first error")]

mod encryption;
mod log;
mod memory;
mod postgres;
mod random;
mod rows;
mod runs;
mod sqlite;
mod subjects;
