//! A replay on a data folder, with its progress on the terminal.

use std::cell::Cell;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use earmark_kernel::clock::VirtualClock;
use earmark_loadgen::orders::Orders;
use earmark_loadgen::replay::{Replay, Report, replay as run};

use crate::error::CliError;
use crate::node::Node;
use crate::progress;
use crate::storage_config::StorageConfig;

/// What to replay into.
pub struct Request<'a> {
    pub data: &'a Path,
    pub seed: u64,
    /// Continue in a folder that holds a part of the same replay.
    pub resume: bool,
    /// Where to write the lines that were answered, if anywhere.
    pub acks: Option<Box<dyn Write>>,
}

/// Replays the lines. The node stays open.
pub async fn replay(orders: &Orders, request: Request<'_>) -> Result<(Report, Node), CliError> {
    let Request { data, seed, resume, acks } = request;
    if orders.lines.is_empty() {
        return Err(CliError::new("the file holds no order lines"));
    }
    let clock = Arc::new(VirtualClock::default());
    let node = Node::open_at(&StorageConfig::folder(data), clock.clone())?;
    let bar = progress::bar("replaying lines", orders.lines.len() as u64);
    let is_first = Cell::new(true);
    let progress = |lines| {
        bar.set_position(lines);
        if is_first.replace(false) {
            // What an earlier part did says nothing about the speed of this one.
            bar.reset_eta();
        }
    };
    let replayed =
        run(&node.bus, &clock, Replay { orders, seed, resume, acks, progress: &progress }).await;
    bar.finish_and_clear();
    Ok((replayed?, node))
}
