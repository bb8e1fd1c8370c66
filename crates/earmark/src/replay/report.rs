//! What a replay tells in the end.

use std::process::ExitCode;

use comfy_table::Table;
use serde::Serialize;

use super::figures::Figures;
use super::orders::Orders;
use super::stocktaking::Stocktaking;
use super::supply::Plan;
use crate::error::CliError;
use crate::output::{number, table};

/// What a replay tells in the end. All but the times is the same for the same file and seed.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub seed: u64,
    pub rows_read: u64,
    pub rows_left_out: u64,
    /// Of these, rows with a quantity below 1.
    pub rows_below_one: u64,
    /// Of these, rows that cannot be read.
    pub rows_unreadable: u64,
    pub orders: u64,
    pub skus: u64,
    pub units_demanded: u64,
    pub batches: u64,
    #[serde(flatten)]
    pub figures: Figures,
    pub still_short: u64,
    pub still_short_units: u64,
    /// Units promised beyond what their batch holds: must be 0.
    pub oversold: u64,
    #[serde(flatten)]
    pub times: Times,
}

/// How long it took.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Times {
    /// Lines that an earlier part of the same replay had offered.
    pub lines_resumed: u64,
    /// From the first command that was sent to the last answer.
    pub seconds: f64,
    pub lines_per_second: u64,
}

impl Report {
    /// Puts the accounts together.
    pub fn new(
        orders: &Orders,
        plan: &Plan,
        seed: u64,
        figures: Figures,
        stock: &Stocktaking,
    ) -> Result<Self, CliError> {
        let lines = orders.lines.len() as u64;
        if figures.lines_offered != lines || figures.placed + figures.short != lines {
            let answered = figures.placed + figures.short;
            return Err(disagree(&format!("{answered} of {lines} lines were answered")));
        }
        let still_short = stock.short_lines.unwrap_or(figures.still_short());
        if still_short != figures.still_short() {
            let counted = figures.still_short();
            return Err(disagree(&format!(
                "{still_short} lines wait by the views, {counted} by the answers"
            )));
        }
        let made = plan.made();
        if stock.batches < made {
            let there = stock.batches;
            return Err(disagree(&format!("{made} batches were made, {there} are there")));
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

    /// Says how long it took to send what had not been sent before.
    pub fn timed(mut self, lines_resumed: u64, sending_ms: i64) -> Self {
        let ms = sending_ms.max(1).unsigned_abs();
        let sent = self.figures.lines_offered - lines_resumed;
        let ms_short = u32::try_from(ms).unwrap_or(u32::MAX);
        self.times = Times {
            lines_resumed,
            seconds: f64::from(ms_short) / 1_000.0,
            lines_per_second: sent * 1_000 / ms,
        };
        self
    }

    /// Promising more than there is is a failure, whatever else went well.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(u8::from(self.oversold > 0))
    }

    /// The report for people.
    pub fn table(&self) -> Table {
        let Self { figures, times, .. } = self;
        let rows = [
            ("rows read", number(self.rows_read)),
            ("rows left out", number(self.rows_left_out)),
            ("lines offered", number(figures.lines_offered)),
            ("SKUs", number(self.skus)),
            ("units demanded", number(self.units_demanded)),
            ("batches", number(self.batches)),
            ("placed at once", number(figures.placed)),
            ("  of them on incoming stock", number(figures.placed_on_incoming)),
            ("short when offered", number(figures.short)),
            ("moved by re-planning", number(figures.moved)),
            ("lost their place", number(figures.lost)),
            ("placed later", number(figures.placed_later)),
            ("still short at the end", number(self.still_short)),
            ("oversold", number(self.oversold)),
            ("seconds", format!("{:.2}", times.seconds)),
            ("lines per second", number(times.lines_per_second)),
        ];
        let rows = rows.map(|(what, value)| vec![what.to_owned(), value]);
        table(&["replay", ""], &[1], rows)
    }
}

fn disagree(what: &str) -> CliError {
    CliError::new(format!("the accounts disagree: {what}")).advise(
        "This is a defect of the program. `earmark verify` on the same folder may show more.",
    )
}
