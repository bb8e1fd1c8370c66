//! Tests of the service through its bus: a file for each subject.

mod batches;
mod before;
mod book;
mod explanations;
mod faults;
mod holds;
mod invariants;
mod keys;
mod lines;
mod placing;
mod queries;
mod races;
mod ranking;
mod reallocation;
mod reservations;
mod scale;
mod script;
mod stored;
mod world;

use crate::testing::{LOG_ID, NOON, World};
use world::{
    batch, batch_of, change, close, day, deallocate, key, line, line_id, moves, order_id, priority,
    reference_of, sku, units,
};
