//! Batches of a CSV file.

use clap::Args;
use csv::ByteRecord;
use earmark_contracts::allocation::{BatchCreated, CreateBatch};
use earmark_contracts::values::{BatchReference, Sku};
use earmark_loadgen::orders::{BadRow, CsvFile, field, line_of};
use rustc_hash::FxHashMap;

use super::run::{Method, Read, Report, Row, Sends};
use super::values::{day, quantity, text};
use crate::error::CliError;

/// The names of the columns.
#[derive(Args, Clone, Debug)]
pub struct Columns {
    /// Column with the batch reference
    #[arg(long, value_name = "COLUMN", default_value = "reference")]
    reference: String,
    /// Column with the SKU
    #[arg(long, value_name = "COLUMN", default_value = "sku")]
    sku: String,
    /// Column with the quantity
    #[arg(long, value_name = "COLUMN", default_value = "quantity")]
    quantity: String,
    /// Column with the day of arrival; empty for stock in the warehouse [default: eta, if present]
    #[arg(long, value_name = "COLUMN")]
    eta: Option<String>,
    /// Column with the day of expiry; empty for none [default: expires, if present]
    #[arg(long, value_name = "COLUMN")]
    expires: Option<String>,
}

/// The indices of the columns.
struct Indices {
    reference: usize,
    sku: usize,
    quantity: usize,
    eta: Option<usize>,
    expires: Option<usize>,
}

impl Columns {
    /// Reads the rows of a file.
    pub fn read(&self, mut file: CsvFile) -> Result<Read<CreateBatch>, CliError> {
        let indices = Indices {
            reference: file.column(&self.reference, "--reference")?,
            sku: file.column(&self.sku, "--sku")?,
            quantity: file.column(&self.quantity, "--quantity")?,
            eta: file.optional(self.eta.as_deref(), "eta", "--eta")?,
            expires: file.optional(self.expires.as_deref(), "expires", "--expires")?,
        };
        let mut read = Read { good: Vec::<Row<CreateBatch>>::new(), bad: Vec::new() };
        let mut seen: FxHashMap<BatchReference, usize> = FxHashMap::default();
        let mut row = ByteRecord::new();
        while file.next(&mut row)? {
            let line = line_of(&row);
            let command = indices.command(&row).and_then(|command| {
                let first = *seen.entry(command.reference.clone()).or_insert(read.good.len());
                match read.good.get(first) {
                    Some(earlier) if earlier.command != command => {
                        Err(format!("line {} differs for the same batch", earlier.line))
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
    fn command(&self, row: &ByteRecord) -> Result<CreateBatch, String> {
        let optional = |column: Option<usize>| column.map_or(Ok(""), |column| field(row, column));
        Ok(CreateBatch {
            reference: BatchReference(text("reference", field(row, self.reference)?)?),
            sku: Sku(text("sku", field(row, self.sku)?)?),
            quantity: quantity(field(row, self.quantity)?)?,
            eta: day("eta", optional(self.eta)?)?,
            expires: day("expires", optional(self.expires)?)?,
        })
    }
}

/// How batches are imported. Those of one SKU keep their order, because it breaks ties.
pub fn method() -> Method<CreateBatch> {
    Method { rank, send: Sends::Concurrently, count }
}

/// The number of each batch among those of its SKU.
fn rank(rows: &[Row<CreateBatch>]) -> Vec<u32> {
    let mut counts: FxHashMap<&Sku, u32> = FxHashMap::default();
    let mut next = |sku| {
        let count: &mut u32 = counts.entry(sku).or_default();
        *count += 1;
        *count
    };
    rows.iter().map(|row| next(&row.command.sku)).collect()
}

fn count(report: &mut Report, created: &BatchCreated) {
    if created.existed {
        report.existed += 1;
    } else {
        report.new += 1;
    }
}
