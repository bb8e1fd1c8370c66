//! The routes of allocation: the compatibility routes, and the API under `/v1`.

mod batches;
mod bulk;
mod compat;
mod goods;
mod holds;
mod lines;
mod router;
mod stock;

pub(super) use router::add;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use {batches::BatchChange, bulk::read_lines, compat::AddBatch, compat::AllocateLine};
