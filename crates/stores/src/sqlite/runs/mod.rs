//! Derived rows as sorted runs: each flush writes the changed rows of a table as one run at the end
//! of the file, and runs are merged when there are many. Rows are never changed in place, so the
//! cost of a row does not grow with the number of rows.

mod block;
mod cursor;
mod filter;
mod flusher;
mod merging;
mod part;
mod run;
mod state;

pub(super) use flusher::Flusher;
pub(super) use run::RunError;
pub(super) use state::State;
