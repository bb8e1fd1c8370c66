//! The stock as the HTTP API shows it.

use serde::Deserialize;

use crate::client::Client;
use crate::violation::Checked;

/// The stock of one SKU, in units.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct StockLevel {
    pub(crate) sku: String,
    pub(crate) on_hand: i64,
    pub(crate) incoming: i64,
    pub(crate) allocated: i64,
    pub(crate) held: i64,
    pub(crate) short: i64,
}

#[derive(Deserialize)]
struct StockPage {
    items: Vec<StockLevel>,
    next: Option<String>,
}

/// The stock of one SKU with its batches.
#[derive(Deserialize)]
pub(crate) struct StockDetail {
    allocated: i64,
    batches: Vec<BatchState>,
}

#[derive(Debug, Deserialize)]
struct BatchState {
    purchased_quantity: i64,
    allocated_quantity: i64,
    available_quantity: i64,
}

impl StockDetail {
    /// Whether the quantities are consistent.
    pub(crate) fn is_consistent(&self) -> bool {
        let sum: i64 = self.batches.iter().map(|it| it.allocated_quantity).sum();
        let is_consistent = |it: &BatchState| {
            (0..=it.purchased_quantity).contains(&it.allocated_quantity)
                && it.available_quantity >= 0
                && it.available_quantity <= it.purchased_quantity - it.allocated_quantity
        };
        sum == self.allocated && self.batches.iter().all(is_consistent)
    }
}

/// Reads the stock of all SKUs.
pub(crate) async fn read_stock(client: &mut Client) -> Checked<Vec<StockLevel>> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let response = client.get(&format!("/v1/stock?limit=1000{after}")).await;
        let response = response.map_err(|_| "the stock cannot be read".to_owned())?;
        let page: StockPage =
            serde_json::from_slice(&response.body).map_err(|error| error.to_string())?;
        all.extend(page.items);
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(all),
        }
    }
}
