//! The lines of in-process work, and the store that they are written to.

use std::path::Path;

use earmark_contracts::allocation::{Allocate, WhenShort};
use earmark_contracts::values::{OrderId, Priority, Quantity, Sku, Text};
use earmark_kernel::ids::{Ids, RandomIds};
use earmark_stores::sqlite::{DataFolder, SqliteLog, SqliteRows, SqliteStore};

use crate::failure::Failure;

/// SKUs of most work.
pub const SKUS: usize = 10_000;
/// Lines per sync: the largest group of the writer.
pub const GROUP: usize = 4_096;

/// A store in a folder.
pub fn store(folder: &Path) -> Result<(SqliteLog, SqliteRows), Failure> {
    let data = DataFolder::open(folder).map_err(Failure::new)?;
    let log_id = RandomIds.next().to_string();
    SqliteStore::open(&data, "allocation", 0, &log_id).map_err(Failure::new)
}

pub fn line(number: usize, skus: usize) -> Allocate {
    Allocate {
        order_id: OrderId(text(&format!("order-{number}"))),
        line_id: None,
        sku: sku(sku_number(number, skus)),
        quantity: Quantity::new(1).expect("one is a quantity"),
        need_by: None,
        priority: Priority::default(),
        short: WhenShort::Reject,
    }
}

/// The SKU of a line: consecutive lines have distant SKUs, which defeats caches.
pub fn sku_number(line: usize, skus: usize) -> usize {
    line.wrapping_mul(7_919) % skus
}

pub fn sku(number: usize) -> Sku {
    Sku(text(&format!("S{number:08}")))
}

pub fn text(text: &str) -> Text {
    Text::parse(text).expect("letters and digits are a text")
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
pub fn float(count: usize) -> f64 {
    count as f64
}
