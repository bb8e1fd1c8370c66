//! The outcomes of the lines, counted from the answers.

use earmark_contracts::allocation::{LineState, Outcome};
use earmark_contracts::values::Day;
use earmark_kernel::UnixMillis;
use serde::Serialize;

/// The outcomes of the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Lines that were sent.
    pub lines_offered: u64,
    /// Of these, lines allocated at once.
    pub placed: u64,
    /// Of these, lines allocated to an incoming batch.
    pub placed_on_incoming: u64,
    /// Lines without stock when they were sent; they are queued.
    pub short: u64,
    /// How often a change of supply moved a line from one batch to another.
    pub moved: u64,
    /// How often a line lost its batch and found no other.
    pub lost: u64,
    /// How often a queued line was allocated later.
    pub placed_later: u64,
}

impl Figures {
    /// Counts a line that was sent at `at`.
    ///
    /// # Errors
    /// If the line was rejected: a replay queues lines.
    pub fn offered(&mut self, outcome: &Outcome, at: UnixMillis) -> Result<(), String> {
        match outcome {
            Outcome::Placed { line, .. } => self.placed(comes_later(line, at)),
            Outcome::Short { .. } => self.short(),
            Outcome::OutOfStock { sku, .. } => {
                return Err(format!("a line of {} was rejected", sku.0));
            }
        }
        Ok(())
    }

    /// Counts a line that was allocated when it was sent.
    pub fn placed(&mut self, is_incoming: bool) {
        self.lines_offered += 1;
        self.placed += 1;
        self.placed_on_incoming += u64::from(is_incoming);
    }

    /// Counts a line that was queued when it was sent.
    pub fn short(&mut self) {
        self.lines_offered += 1;
        self.short += 1;
    }

    /// Counts a line that a change of supply moved, from a batch or the queue to a batch or the
    /// queue.
    pub fn moved(&mut self, from_a_batch: bool, to_a_batch: bool) {
        match (from_a_batch, to_a_batch) {
            (true, true) => self.moved += 1,
            (true, false) => self.lost += 1,
            (false, true) => self.placed_later += 1,
            (false, false) => {}
        }
    }

    /// Lines that are short, by these counts.
    pub fn still_short(&self) -> u64 {
        (self.short + self.lost).saturating_sub(self.placed_later)
    }
}

/// Whether the stock of a line arrives after the day on which it was sent.
fn comes_later(line: &LineState, at: UnixMillis) -> bool {
    line.promised.is_some_and(|day| day > Day::of(at))
}
