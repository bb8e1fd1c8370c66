//! Order lines of a CSV file.

use clap::Args;
use csv::ByteRecord;
use earmark_contracts::allocation::{Allocate, Outcome, Placement, WhenShort};
use earmark_contracts::values::{LineId, OrderId, Priority, Sku, Text};
use earmark_loadgen::orders::{BadRow, CsvFile, field, line_of};
use rustc_hash::FxHashMap;

use super::run::{Method, Read, Report, Row, Sends};
use super::values::{day, quantity, text};
use crate::error::CliError;

/// The names of the columns.
#[derive(Args, Clone, Debug)]
pub struct Columns {
    /// Column with the order id
    #[arg(long, value_name = "COLUMN", default_value = "order_id")]
    order_id: String,
    /// Column with the line id [default: line_id, if present; otherwise 1, 2, 3 … in each order]
    #[arg(long, value_name = "COLUMN")]
    line_id: Option<String>,
    /// Column with the SKU
    #[arg(long, value_name = "COLUMN", default_value = "sku")]
    sku: String,
    /// Column with the quantity
    #[arg(long, value_name = "COLUMN", default_value = "quantity")]
    quantity: String,
    /// Column with the last day on which the line can be shipped [default: need_by, if present]
    #[arg(long, value_name = "COLUMN")]
    need_by: Option<String>,
    /// Column with the priority, 0 to 9 [default: priority, if present]
    #[arg(long, value_name = "COLUMN")]
    priority: Option<String>,
}

/// The indices of the columns.
struct Indices {
    order_id: usize,
    line_id: Option<usize>,
    sku: usize,
    quantity: usize,
    need_by: Option<usize>,
    priority: Option<usize>,
    short: WhenShort,
    /// The number of rows of each order.
    rows: FxHashMap<OrderId, u32>,
}

impl Columns {
    /// Reads the rows of a file.
    pub fn read(&self, mut file: CsvFile, short: WhenShort) -> Result<Read<Allocate>, CliError> {
        let mut indices = Indices {
            order_id: file.column(&self.order_id, "--order-id")?,
            line_id: file.optional(self.line_id.as_deref(), "line_id", "--line-id")?,
            sku: file.column(&self.sku, "--sku")?,
            quantity: file.column(&self.quantity, "--quantity")?,
            need_by: file.optional(self.need_by.as_deref(), "need_by", "--need-by")?,
            priority: file.optional(self.priority.as_deref(), "priority", "--priority")?,
            short,
            rows: FxHashMap::default(),
        };
        let mut read = Read { good: Vec::<Row<Allocate>>::new(), bad: Vec::new() };
        let mut seen: FxHashMap<(OrderId, LineId), usize> = FxHashMap::default();
        let mut row = ByteRecord::new();
        while file.next(&mut row)? {
            let line = line_of(&row);
            let command = indices.command(&row).and_then(|command| {
                let key = (command.order_id.clone(), command.line());
                let first = *seen.entry(key).or_insert(read.good.len());
                match read.good.get(first) {
                    Some(earlier) if earlier.command != command => {
                        Err(format!("line {} differs for the same order line", earlier.line))
                    }
                    _ => Ok(command),
                }
            });
            match command {
                Ok(command) => read.good.push(Row { line, command }),
                Err(reason) => read.bad.push(BadRow { line, reason }),
            }
        }
        Ok(read)
    }
}

impl Indices {
    fn command(&mut self, row: &ByteRecord) -> Result<Allocate, String> {
        let optional = |column: Option<usize>| column.map_or(Ok(""), |column| field(row, column));
        let order_id = OrderId(text("order_id", field(row, self.order_id)?)?);
        let place = self.rows.entry(order_id.clone()).or_default();
        *place += 1;
        let line_id = match self.line_id {
            Some(column) => text("line_id", field(row, column)?)?,
            None => Text::parse(&place.to_string()).expect("digits are a text"),
        };
        Ok(Allocate {
            order_id,
            line_id: Some(LineId(line_id)),
            sku: Sku(text("sku", field(row, self.sku)?)?),
            quantity: quantity(field(row, self.quantity)?)?,
            need_by: day("need_by", optional(self.need_by)?)?,
            priority: priority(optional(self.priority)?)?,
            short: self.short,
        })
    }
}

fn priority(text: &str) -> Result<Priority, String> {
    if text.is_empty() {
        return Ok(Priority::default());
    }
    let level = text.parse().unwrap_or(u64::MAX);
    Priority::new(level).map_err(|why| format!("priority {text:?} {why}"))
}

/// How lines are imported: in the order of the file, because that is the order of allocation.
pub fn method() -> Method<Allocate> {
    Method { rank: |rows| vec![0; rows.len()], send: Sends::Together, count }
}

fn count(report: &mut Report, placement: &Placement) {
    match &placement.outcome {
        _ if placement.already_accepted => report.existed += 1,
        Outcome::Placed { .. } => report.new += 1,
        Outcome::Short { .. } => report.short += 1,
        Outcome::OutOfStock { .. } => report.out_of_stock += 1,
    }
}
