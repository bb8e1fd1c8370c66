//! Replay: real order lines in order of time, with supply derived from a seed.

mod chunks;
mod figures;
pub mod orders;
mod past;
mod pipeline;
mod report;
mod run;
mod stocktaking;
mod supply;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use earmark_kernel::clock::VirtualClock;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::error::CliError;
use crate::node::{Node, now_ms};
use crate::progress;
use crate::storage_config::StorageConfig;
use chunks::Script;
use orders::Orders;
use past::{Past, SERVICE};
pub use report::Report;
use run::{Run, Stage};
use stocktaking::Stocktaking;
use supply::Plan;

/// What a replay is asked to do.
pub struct Asked<'a> {
    pub data: &'a Path,
    pub seed: u64,
    /// Go on in a folder that holds a part of the same replay.
    pub resume: bool,
    /// Where answered lines are written down, if anywhere.
    pub acks: Option<Box<dyn Write>>,
}

/// Replays the lines; the node is left open.
pub async fn replay(orders: &Orders, asked: Asked<'_>) -> Result<(Report, Node), CliError> {
    if orders.lines.is_empty() {
        return Err(CliError::new("the file holds no line that asks for anything"));
    }
    let plan = Plan::derive(orders, asked.seed);
    let name = xxh3_64_with_seed(&orders.fingerprint.to_le_bytes(), asked.seed);
    let clock = Arc::new(VirtualClock::default());
    let node = Node::open_at(&StorageConfig::folder(asked.data), clock.clone())?;
    let past = past(&node, name, &asked)?;
    let bar = progress::bar("replaying lines", orders.lines.len() as u64);
    let begun = now_ms();
    let script = Script { orders, plan: &plan, name, done_through: past.through };
    let stage = Stage { bus: &node.bus, clock: &clock, script, bar: &bar, acks: asked.acks };
    let figures = Run::after(past.figures, stage).all().await?;
    let sending_ms = now_ms() - begun;
    bar.finish_and_clear();
    let stock = Stocktaking::of(&node.bus, &orders.skus)?;
    let resumed = past.figures.lines_offered;
    let report = Report::new(orders, &plan, asked.seed, figures, &stock)?;
    Ok((report.timed(resumed, sending_ms), node))
}

/// What the folder holds of this replay. A folder that holds anything else is not touched.
fn past(node: &Node, name: u64, asked: &Asked<'_>) -> Result<Past, CliError> {
    let head = *node.bus.watch_head(SERVICE, 0)?.borrow();
    if head == 0 {
        return Ok(Past::default());
    }
    let data = asked.data.display();
    if !asked.resume {
        let what = format!("{data} already holds a log of {head} events");
        return Err(CliError::new(what).advise(
            "If it is of this replay, go on with --resume; else name another folder with --data.",
        ));
    }
    let past = Past::read(&node.bus, name)?;
    if past.through == 0 {
        let what = format!("{data} holds something else than a part of this replay");
        return Err(CliError::new(what).advise(
            "To go on, name the same file, seed and limit; else name another folder with --data.",
        ));
    }
    Ok(past)
}
