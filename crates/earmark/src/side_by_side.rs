//! Commands that take several steps each, sent side by side so that their steps share commits.

use earmark_kernel::{Bus, Command, Meta, Reply};
use futures_util::future::join_all;
use tokio::task::unconstrained;

/// Sends commands at the same time; replies come in their order. In which order the steps of two
/// of them are done is not said: send only what does not depend on each other.
pub async fn send<C: Command>(bus: &Bus, commands: Vec<(C, Meta)>) -> Vec<Reply<C>> {
    let sends = commands.into_iter().map(|(command, meta)| bus.send_as(command, meta));
    // Otherwise some would not be queued before this is polled again.
    unconstrained(join_all(sends)).await
}
