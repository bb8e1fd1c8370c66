//! Commands of several steps each, sent concurrently so that their steps share commits.

use earmark_kernel::{Bus, Command, Meta, Reply};
use futures_util::future::join_all;
use tokio::task::unconstrained;

/// Sends commands concurrently; the replies have the order of the commands. Steps of different
/// commands interleave, so the commands must not depend on each other.
pub async fn send<C: Command>(bus: &Bus, commands: Vec<(C, Meta)>) -> Vec<Reply<C>> {
    let sends = commands.into_iter().map(|(command, meta)| bus.send_as(command, meta));
    // With a budget, some commands would be queued only when this is polled again.
    unconstrained(join_all(sends)).await
}
