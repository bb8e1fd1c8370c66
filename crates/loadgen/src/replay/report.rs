//! The report of a replay.

use std::time::Duration;

use serde::Serialize;

use super::figures::Figures;
use super::stocktaking::Stocktaking;
use super::supply::Plan;
use crate::error::Error;
use crate::orders::Orders;

/// The report of a replay. All but the times is the same for the same file and seed.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What the supply was derived from.
    pub seed: u64,
    /// Rows of the file.
    pub rows_read: u64,
    /// Rows that are not order lines.
    pub rows_left_out: u64,
    /// Of these, rows with a quantity below 1.
    pub rows_below_one: u64,
    /// Of these, rows that cannot be read.
    pub rows_unreadable: u64,
    /// Orders in the file.
    pub orders: u64,
    /// SKUs in the file.
    pub skus: u64,
    /// Units of all lines.
    pub units_demanded: u64,
    /// Batches that were created.
    pub batches: u64,
    /// The outcomes of the lines.
    #[serde(flatten)]
    pub figures: Figures,
    /// Lines that are short at the end.
    pub still_short: u64,
    /// Units of those lines.
    pub still_short_units: u64,
    /// Units allocated beyond what their batch holds: must be 0.
    pub oversold: u64,
    /// How long it took.
    #[serde(flatten)]
    pub times: Times,
}

/// How long a replay took.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Times {
    /// Lines that an earlier part of the same replay had sent.
    pub lines_resumed: u64,
    /// From the first command to the last answer.
    pub seconds: f64,
    /// Lines sent per second in this part.
    pub lines_per_second: u64,
}

impl Report {
    /// Combines the outcomes counted from answers with the stock read from views.
    ///
    /// # Errors
    /// If they disagree.
    pub(super) fn new(
        orders: &Orders,
        plan: &Plan,
        seed: u64,
        figures: Figures,
        stock: &Stocktaking,
    ) -> Result<Self, Error> {
        let lines = orders.lines.len() as u64;
        if figures.lines_offered != lines || figures.placed + figures.short != lines {
            let answered = figures.placed + figures.short;
            return Err(disagree(&format!("{answered} of {lines} lines were answered")));
        }
        let still_short = stock.short_lines.unwrap_or(figures.still_short());
        if still_short != figures.still_short() {
            let counted = figures.still_short();
            return Err(disagree(&format!(
                "{still_short} lines are short in the views, {counted} by the answers"
            )));
        }
        let made = plan.made();
        if stock.batches < made {
            let there = stock.batches;
            return Err(disagree(&format!("{made} batches were created, {there} exist")));
        }
        Ok(Self {
            seed,
            rows_read: orders.rows,
            rows_left_out: orders.below_one + orders.unreadable,
            rows_below_one: orders.below_one,
            rows_unreadable: orders.unreadable,
            orders: orders.ids.len() as u64,
            skus: orders.skus.len() as u64,
            units_demanded: orders.units(),
            batches: made,
            figures,
            still_short,
            still_short_units: stock.short_units,
            oversold: stock.oversold_units,
            times: Times::default(),
        })
    }

    /// Sets how long it took to send the lines that were not resumed.
    pub(super) fn timed(mut self, lines_resumed: u64, sending: Duration) -> Self {
        let ms = u64::try_from(sending.as_millis()).unwrap_or(u64::MAX).max(1);
        let sent = self.figures.lines_offered - lines_resumed;
        let ms_short = u32::try_from(ms).unwrap_or(u32::MAX);
        self.times = Times {
            lines_resumed,
            seconds: f64::from(ms_short) / 1_000.0,
            lines_per_second: sent * 1_000 / ms,
        };
        self
    }
}

/// A defect: two counts of the same thing differ.
fn disagree(what: &str) -> Error {
    Error::new(format!("the counts disagree: {what}"))
        .advise("This is a bug in Earmark. `earmark verify` on the same folder may show more.")
}
