//! The whole road over a disk that loses power, fails or is full: real SQLite files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where by breaking off")]

#[path = "power/cuts.rs"]
mod cuts;
#[path = "power/full.rs"]
mod full;
#[path = "power/orders.rs"]
mod orders;
#[path = "power/platter.rs"]
mod platter;
#[path = "power/syncs.rs"]
mod syncs;
#[path = "power/world.rs"]
mod world;
