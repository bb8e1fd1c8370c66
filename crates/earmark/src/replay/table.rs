//! The report of a replay as a table.

use comfy_table::Table;
use earmark_loadgen::replay::Report;

use crate::output::{self, number};

/// The report as a table.
pub fn table(report: &Report) -> Table {
    let Report { figures, times, .. } = report;
    let rows = [
        ("rows read", number(report.rows_read)),
        ("rows left out", number(report.rows_left_out)),
        ("lines sent", number(figures.lines_offered)),
        ("SKUs", number(report.skus)),
        ("units demanded", number(report.units_demanded)),
        ("batches", number(report.batches)),
        ("allocated at once", number(figures.placed)),
        ("  of them to incoming stock", number(figures.placed_on_incoming)),
        ("short when sent", number(figures.short)),
        ("moved by re-planning", number(figures.moved)),
        ("lost their batch", number(figures.lost)),
        ("allocated later", number(figures.placed_later)),
        ("still short at the end", number(report.still_short)),
        ("oversold", number(report.oversold)),
        ("seconds", format!("{:.2}", times.seconds)),
        ("lines per second", number(times.lines_per_second)),
    ];
    let rows = rows.map(|(what, value)| vec![what.to_owned(), value]);
    output::table(&["replay", ""], &[1], rows)
}
