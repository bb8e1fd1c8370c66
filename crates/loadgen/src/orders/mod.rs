//! Order lines from CSV files.

mod csv_file;
mod order_file;

pub use csv_file::{BadRow, CsvFile, field, line_of};
pub use order_file::{Columns, Line, Orders};
