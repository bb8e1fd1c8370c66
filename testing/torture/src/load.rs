//! Clients that run until they are told to stop or the server is gone: some send requests, some
//! read the stock.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::client::Client;
use crate::clock::sleep;
use crate::history::Shared;
use crate::stock::StockDetail;
use crate::violation::Violation;
use crate::workload::Workload;

/// Sends one request of a workload after another.
pub(crate) async fn send_requests(
    mut client: Client,
    mut workload: Workload,
    history: Shared,
    stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        let request = Arc::new(workload.next());
        let entry = history.open(Arc::clone(&request));
        let ended = client.request(&request).await;
        if !history.note(entry, &ended) {
            return;
        }
        match ended {
            Ok(response) => workload.learn(&request, &response),
            Err(_) => return,
        }
    }
}

/// Reads the stock of a SKU again and again: its quantities must always be consistent.
pub(crate) async fn watch_stock(
    mut client: Client,
    sku: String,
    history: Shared,
    stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        let Ok(response) = client.get(&format!("/v1/stock/{sku}")).await else { return };
        if response.status != 200 {
            sleep(Duration::from_millis(5)).await;
            continue;
        }
        match serde_json::from_slice::<StockDetail>(&response.body) {
            Ok(detail) if detail.is_consistent() => sleep(Duration::from_millis(2)).await,
            _ => {
                let body = String::from_utf8_lossy(&response.body);
                let what = format!("the stock is inconsistent: {body}");
                history.add_violation(Violation { what, key: None });
            }
        }
    }
}
