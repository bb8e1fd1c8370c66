//! Order lines of a file in a compact form: a year of them takes a few megabytes.

use std::path::Path;

use clap::Args;
use csv::ByteRecord;
use earmark_contracts::values::{OrderId, Quantity, Sku, Text};
use earmark_kernel::UnixMillis;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::Xxh3;

use super::csv_file::{BadRow, CsvFile, field, line_of};
use crate::error::Error;

/// Unusable rows that are reported one by one; all are counted.
const NAMED_MAX: usize = 20;

/// The names of the columns.
#[derive(Args, Clone, Debug)]
pub struct Columns {
    /// Column with the order id
    #[arg(long, value_name = "COLUMN", default_value = "InvoiceNo")]
    pub order_id: String,
    /// Column with the SKU
    #[arg(long, value_name = "COLUMN", default_value = "StockCode")]
    pub sku: String,
    /// Column with the quantity
    #[arg(long, value_name = "COLUMN", default_value = "Quantity")]
    pub quantity: String,
    /// Column with the time of the order, UTC
    #[arg(long, value_name = "COLUMN", default_value = "InvoiceDate")]
    pub at: String,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            order_id: "InvoiceNo".into(),
            sku: "StockCode".into(),
            quantity: "Quantity".into(),
            at: "InvoiceDate".into(),
        }
    }
}

/// An order line.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// The time of the order.
    pub at: UnixMillis,
    /// Its order: index into [`Orders::ids`].
    pub order: u32,
    /// Its SKU: index into [`Orders::skus`].
    pub sku: u32,
    /// Its position in the order: 1, 2, 3 …
    pub place: u32,
    /// Units ordered.
    pub quantity: Quantity,
}

/// The order lines of a file in order of time.
#[derive(Debug, Default)]
pub struct Orders {
    /// The orders, in order of appearance.
    pub ids: Vec<OrderId>,
    /// The SKUs, in order of appearance.
    pub skus: Vec<Sku>,
    /// The lines.
    pub lines: Vec<Line>,
    /// Rows read, including those left out.
    pub rows: u64,
    /// Rows left out because their quantity is below 1 (returns).
    pub below_one: u64,
    /// Rows left out because they cannot be read.
    pub unreadable: u64,
    /// The first of those, with the reason.
    pub named: Vec<BadRow>,
    /// A hash of the lines and their order.
    pub fingerprint: u64,
}

impl Orders {
    /// Reads a file, at most `rows_max` rows of it.
    ///
    /// # Errors
    /// If the file cannot be read or a column is missing.
    pub fn open(path: &Path, columns: &Columns, rows_max: u64) -> Result<Self, Error> {
        Self::read(CsvFile::open(path)?, columns, rows_max)
    }

    /// Reads a file that is already open.
    ///
    /// # Errors
    /// If the file cannot be read or a column is missing.
    pub fn read(file: CsvFile, columns: &Columns, rows_max: u64) -> Result<Self, Error> {
        let mut reading = Reading {
            order_id: file.column(&columns.order_id, "--order-id")?,
            sku: file.column(&columns.sku, "--sku")?,
            quantity: file.column(&columns.quantity, "--quantity")?,
            at: file.column(&columns.at, "--at")?,
            ..Reading::default()
        };
        reading.all(file, rows_max)?;
        let mut orders = reading.orders;
        // Stable: lines of the same time stay in the order of the file.
        orders.lines.sort_by_key(|line| line.at);
        orders.fingerprint = orders.name();
        Ok(orders)
    }

    /// Units of all lines.
    pub fn units(&self) -> u64 {
        let units = |line: &Line| u64::from(line.quantity.units());
        self.lines.iter().map(units).sum()
    }

    fn name(&self) -> u64 {
        let mut hash = Xxh3::new();
        for text in self.ids.iter().map(|it| &it.0).chain(self.skus.iter().map(|it| &it.0)) {
            hash.update(text.as_bytes());
            hash.update(&[0]);
        }
        for line in &self.lines {
            hash.update(&line.at.0.to_le_bytes());
            for part in [line.order, line.sku, line.place, line.quantity.units()] {
                hash.update(&part.to_le_bytes());
            }
        }
        hash.digest()
    }
}

/// A file while it is read: its columns, and what was read so far.
#[derive(Default)]
struct Reading {
    order_id: usize,
    sku: usize,
    quantity: usize,
    at: usize,
    orders: Orders,
    /// By the text of the order: its index, and the number of its rows.
    orders_seen: FxHashMap<Box<str>, (u32, u32)>,
    /// By the text of the SKU: its index.
    skus_seen: FxHashMap<Box<str>, u32>,
    /// The last time with its text: consecutive rows mostly have the same.
    moment: (String, UnixMillis),
}

impl Reading {
    fn all(&mut self, mut file: CsvFile, rows_max: u64) -> Result<(), Error> {
        let mut row = ByteRecord::new();
        while self.orders.rows < rows_max && file.next(&mut row)? {
            self.orders.rows += 1;
            match self.line(&row) {
                Ok(Some(line)) => self.orders.lines.push(line),
                Ok(None) => self.orders.below_one += 1,
                Err(reason) => {
                    self.orders.unreadable += 1;
                    if self.orders.named.len() < NAMED_MAX {
                        let line = line_of(&row);
                        self.orders.named.push(BadRow { line, reason });
                    }
                }
            }
        }
        Ok(())
    }

    /// The line of a row; none if its quantity is below 1.
    fn line(&mut self, row: &ByteRecord) -> Result<Option<Line>, String> {
        let in_column = |what: &str, why: &dyn std::fmt::Display| format!("{what} {why}");
        let text = |column, what| field(row, column).map_err(|why| in_column(what, &why));
        let order_text = text(self.order_id, "the order")?;
        let (order, place) = match self.orders_seen.get_mut(order_text) {
            Some((order, rows)) => {
                *rows += 1;
                (*order, *rows)
            }
            None => (self.new_order(order_text)?, 1),
        };
        let quantity = text(self.quantity, "the quantity")?;
        let units: i64 = quantity
            .parse()
            .map_err(|_| format!("the quantity {quantity:?} is not a whole number"))?;
        if units < 1 {
            return Ok(None);
        }
        let quantity =
            Quantity::new(units.unsigned_abs()).map_err(|why| in_column("the quantity", &why))?;
        let sku_text = text(self.sku, "the SKU")?;
        let sku = match self.skus_seen.get(sku_text) {
            Some(sku) => *sku,
            None => self.new_sku(sku_text)?,
        };
        let at = self.moment(text(self.at, "the moment")?)?;
        Ok(Some(Line { at, order, sku, place, quantity }))
    }

    fn new_order(&mut self, text: &str) -> Result<u32, String> {
        let id = Text::parse(text).map_err(|why| format!("the order {text:?} {why}"))?;
        let order = u32::try_from(self.orders.ids.len()).map_err(|_| "is one order too many")?;
        self.orders.ids.push(OrderId(id));
        self.orders_seen.insert(text.into(), (order, 1));
        Ok(order)
    }

    fn new_sku(&mut self, text: &str) -> Result<u32, String> {
        let sku = Text::parse(text).map_err(|why| format!("the SKU {text:?} {why}"))?;
        // Different spellings of one text are one SKU.
        let known = self.skus_seen.get(&*sku).copied();
        let place = match known {
            Some(place) => place,
            None => {
                let place = u32::try_from(self.orders.skus.len());
                let place = place.map_err(|_| "is one SKU too many")?;
                self.orders.skus.push(Sku(sku.clone()));
                self.skus_seen.insert((*sku).into(), place);
                place
            }
        };
        self.skus_seen.insert(text.into(), place);
        Ok(place)
    }

    fn moment(&mut self, text: &str) -> Result<UnixMillis, String> {
        if self.moment.0 != text || text.is_empty() {
            let unreadable = |_| format!("the moment {text:?} is not like 2026-01-31 12:00:00");
            let moment = text.parse::<DateTime>().map_err(unreadable)?;
            let moment = moment.to_zoned(TimeZone::UTC).map_err(unreadable)?;
            self.moment = (text.to_owned(), UnixMillis(moment.timestamp().as_millisecond()));
        }
        Ok(self.moment.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str, rows_max: u64) -> Orders {
        let file = CsvFile::read(Box::new(text.as_bytes()), "a.csv".into()).unwrap();
        Orders::read(file, &Columns::default(), rows_max).unwrap()
    }

    const TEXT: &str = "\
InvoiceNo,StockCode,Quantity,InvoiceDate
2,BANK CHARGES,1,2010-12-01 09:00:00
1,A, 2 ,2010-12-01 08:00:00
1,B,-1,2010-12-01 08:00:00
1, A ,3,2010-12-01 08:00:00
1,a,x,2010-12-01 08:00:00
1,,1,2010-12-01 08:00:00
1,A,1,yesterday
";

    #[test]
    fn lines_are_in_order_of_time_with_their_position_in_the_order() {
        let orders = read(TEXT, u64::MAX);
        let shown: Vec<_> = orders
            .lines
            .iter()
            .map(|it| {
                let (order, sku) = (&orders.ids[it.order as usize], &orders.skus[it.sku as usize]);
                format!("{} {} {} {}", order.0, it.place, sku.0, it.quantity.units())
            })
            .collect();
        assert_eq!(shown, ["1 1 A 2", "1 3 A 3", "2 1 BANK CHARGES 1"]);
        assert_eq!(orders.lines[0].at, UnixMillis(1_291_190_400_000));
        assert_eq!(orders.units(), 6);
    }

    #[test]
    fn rows_left_out_are_counted_and_reported() {
        let orders = read(TEXT, u64::MAX);
        assert_eq!((orders.rows, orders.below_one, orders.unreadable), (7, 1, 3));
        let named = orders.named.iter().map(|it| format!("{}: {}", it.line, it.reason));
        insta::assert_snapshot!(named.collect::<Vec<_>>().join("\n"), @r#"
        6: the quantity "x" is not a whole number
        7: the SKU "" must not be empty
        8: the moment "yesterday" is not like 2026-01-31 12:00:00
        "#);
    }

    #[test]
    fn the_fingerprint_depends_on_the_lines() {
        assert_eq!(read(TEXT, 7).fingerprint, read(TEXT, u64::MAX).fingerprint);
        assert_ne!(read(TEXT, 3).fingerprint, read(TEXT, 4).fingerprint);
    }
}
