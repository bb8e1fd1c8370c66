//! How far the views are behind while the load runs, as the server reports it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::clock::{now, rest_until};
use crate::error::Error;
use crate::load::client::{Connection, get};
use crate::load::plan::Target;

/// Interval between two requests.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Watches the lag of views until it is dropped.
pub struct LagWatch {
    max: Arc<AtomicU64>,
    watching: AbortHandle,
}

impl LagWatch {
    pub async fn begin(target: &Target) -> Result<Self, Error> {
        let mut connection = Connection::open(target.address).await?;
        let request = get(&target.host, "/healthz");
        let max = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&max);
        let mut tasks = tokio::task::JoinSet::new();
        let watching = tasks.spawn(async move {
            while let Ok(response) = connection.send(&request).await {
                seen.fetch_max(lag(response.body), Ordering::AcqRel);
                rest_until(now() + POLL_INTERVAL).await;
            }
        });
        tasks.detach_all();
        Ok(Self { max, watching })
    }

    /// The most events that any view was behind.
    pub fn max_events(&self) -> u64 {
        self.max.load(Ordering::Acquire)
    }
}

impl Drop for LagWatch {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

fn lag(body: &[u8]) -> u64 {
    let health: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let services = health["services"].as_array().into_iter().flatten();
    services.filter_map(|it| it["view_lag_events"].as_u64()).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::lag;

    #[test]
    fn the_largest_lag_counts() {
        let body = br#"{"services":[{"view_lag_events":3},{"view_lag_events":7}]}"#;
        assert_eq!((lag(body), lag(b"")), (7, 0));
    }
}
