//! One suite for every store: what the ports in the kernel promise, asked of each store alike.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that goes wrong")]

#[path = "conformance/encryption.rs"]
mod encryption;
#[path = "conformance/log.rs"]
mod log;
#[path = "conformance/memory.rs"]
mod memory;
#[path = "conformance/postgres.rs"]
mod postgres;
#[path = "conformance/random.rs"]
mod random;
#[path = "conformance/rows.rs"]
mod rows;
#[path = "conformance/runs.rs"]
mod runs;
#[path = "conformance/sqlite.rs"]
mod sqlite;
#[path = "conformance/subjects.rs"]
mod subjects;
