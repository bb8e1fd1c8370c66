//! The stock at the end, read from the views: independent of the answers.

use earmark_contracts::allocation::{GetStock, SHORT_LINES_MAX};
use earmark_contracts::values::Sku;
use earmark_kernel::Bus;

use crate::error::Error;

/// Sums over the stock of some SKUs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stocktaking {
    pub batches: u64,
    /// Units allocated beyond what their batch holds.
    pub oversold_units: u64,
    /// Units of short lines.
    pub short_units: u64,
    /// Short lines; none if they are too many to be listed.
    pub short_lines: Option<u64>,
}

impl Stocktaking {
    /// Sums up the stock of the SKUs.
    pub fn of(bus: &Bus, skus: &[Sku]) -> Result<Self, Error> {
        let mut all = Self { short_lines: Some(0), ..Self::default() };
        for sku in skus {
            let Some(stock) = bus.ask(GetStock { sku: sku.clone() })? else {
                continue;
            };
            all.batches += stock.batches.len() as u64;
            for batch in &stock.batches {
                let beyond = batch.allocated_quantity.saturating_sub(batch.purchased_quantity);
                all.oversold_units += u64::from(beyond);
            }
            all.short_units += stock.level.short;
            let listed = stock.short_lines.len();
            let is_whole = listed < SHORT_LINES_MAX;
            let lines = all.short_lines.filter(|_| is_whole);
            all.short_lines = lines.map(|lines| lines + listed as u64);
        }
        Ok(all)
    }
}
