//! Background work that runs until it is stopped.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use earmark_kernel::clock::sleep;
use earmark_kernel::{Bus, Publisher, Relay, RelayLimits};
use tokio::sync::watch;

use crate::error::CliError;

/// Work that has not ended by then is abandoned.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(8);

/// Background work that runs until it is stopped.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A relay for every partition of every service.
pub fn relays(
    bus: &Bus,
    publisher: &Arc<dyn Publisher>,
    limits: RelayLimits,
    stop: &watch::Sender<bool>,
) -> Result<Vec<Work>, CliError> {
    let mut works: Vec<Work> = Vec::new();
    for it in bus.status() {
        let relay = Relay::new(bus, it.service, it.partition, Arc::clone(publisher), limits)?;
        works.push(bounded(relay.run(stop.subscribe()), stop));
    }
    Ok(works)
}

/// Work that is abandoned if it does not end in time after the stop.
pub fn bounded(
    work: impl Future<Output = ()> + Send + 'static,
    stop: &watch::Sender<bool>,
) -> Work {
    let mut stopping = stop.subscribe();
    Box::pin(async move {
        let too_long = async {
            let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
            sleep(SHUTDOWN_TIMEOUT).await;
        };
        tokio::select! {
            () = work => {}
            () = too_long => tracing::warn!("a broker or mail server did not respond before the end"),
        }
    })
}
