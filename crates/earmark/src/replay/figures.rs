//! What came of the lines, counted from the answers.

use earmark_contracts::allocation::{LineState, Outcome};
use earmark_contracts::values::Day;
use earmark_kernel::UnixMillis;
use serde::Serialize;

/// What came of the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Lines that were offered.
    pub lines_offered: u64,
    /// Of these, lines that got a place at once.
    pub placed: u64,
    /// Of these, lines placed on a delivery that was still on its way.
    pub placed_on_incoming: u64,
    /// Lines for which there was no stock when they were offered; they wait.
    pub short: u64,
    /// How often a line moved from one batch to another because supply changed.
    pub moved: u64,
    /// How often a line lost its place and found no other.
    pub lost: u64,
    /// How often a line that waited got a place.
    pub placed_later: u64,
}

impl Figures {
    /// A line was offered at `at`, and this came of it. What is kept nowhere is an error.
    pub fn offered(&mut self, outcome: &Outcome, at: UnixMillis) -> Result<(), String> {
        match outcome {
            Outcome::Placed { line, .. } => self.placed(comes_later(line, at)),
            Outcome::Short { .. } => self.short(),
            Outcome::OutOfStock { sku, .. } => {
                return Err(format!("a line of {} was not kept", sku.0));
            }
        }
        Ok(())
    }

    /// A line got a place when it was offered.
    pub fn placed(&mut self, is_incoming: bool) {
        self.lines_offered += 1;
        self.placed += 1;
        self.placed_on_incoming += u64::from(is_incoming);
    }

    /// A line got no place when it was offered.
    pub fn short(&mut self) {
        self.lines_offered += 1;
        self.short += 1;
    }

    /// Supply changed, and a line moved: from a batch or from waiting, to a batch or to waiting.
    pub fn moved(&mut self, from_a_batch: bool, to_a_batch: bool) {
        match (from_a_batch, to_a_batch) {
            (true, true) => self.moved += 1,
            (true, false) => self.lost += 1,
            (false, true) => self.placed_later += 1,
            (false, false) => {}
        }
    }

    /// Lines that wait, as these figures have it.
    pub fn still_short(&self) -> u64 {
        (self.short + self.lost).saturating_sub(self.placed_later)
    }
}

/// Whether the goods of a line come only after the day on which it was offered.
fn comes_later(line: &LineState, at: UnixMillis) -> bool {
    line.promised.is_some_and(|day| day > Day::of(at))
}
