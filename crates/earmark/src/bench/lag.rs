//! How far the views are behind while the load runs, as the server tells it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::AbortHandle;

use super::connection::Connection;
use super::moment::{now, rest_until};
use super::requests::get;
use super::target::Target;
use crate::error::CliError;

/// So often the server is asked.
const EVERY: Duration = Duration::from_millis(200);

/// Watches the lag of views until it is dropped.
pub struct LagWatch {
    max: Arc<AtomicU64>,
    watching: AbortHandle,
}

impl LagWatch {
    pub async fn begin(target: &Target) -> Result<Self, CliError> {
        let mut connection = Connection::open(target.address).await?;
        let request = get(&target.host, "/healthz");
        let max = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&max);
        let mut tasks = tokio::task::JoinSet::new();
        let watching = tasks.spawn(async move {
            while let Ok(answer) = connection.ask(&request).await {
                seen.fetch_max(lag(answer.body), Ordering::AcqRel);
                rest_until(now() + EVERY).await;
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
    fn the_view_that_is_furthest_behind_counts() {
        let body = br#"{"services":[{"view_lag_events":3},{"view_lag_events":7}]}"#;
        assert_eq!((lag(body), lag(b"")), (7, 0));
    }
}
