//! What stands in the stock in the end, by the views: an account of its own, not the answers'.

use earmark_contracts::allocation::{GetStock, SHORT_LINES_MAX};
use earmark_contracts::values::Sku;
use earmark_kernel::Bus;

use crate::error::CliError;

/// Sums over the stock of some SKUs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stocktaking {
    pub batches: u64,
    /// Units promised beyond what their batch holds.
    pub oversold_units: u64,
    /// Units that lines wait for.
    pub short_units: u64,
    /// Lines that wait; none where they are too many to be listed.
    pub short_lines: Option<u64>,
}

impl Stocktaking {
    /// Takes the stock of the SKUs.
    pub fn of(bus: &Bus, skus: &[Sku]) -> Result<Self, CliError> {
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
