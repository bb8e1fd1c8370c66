//! A replay from its plan to its report.

use std::io::Write;

use earmark_kernel::Bus;
use earmark_kernel::clock::VirtualClock;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::chunks::Script;
use super::report::Report;
use super::resume::{Past, SERVICE};
use super::run::{Run, Stage};
use super::stocktaking::Stocktaking;
use super::supply::Plan;
use crate::clock::now;
use crate::error::Error;
use crate::orders::Orders;

/// What to replay, and how.
pub struct Replay<'a> {
    /// The lines.
    pub orders: &'a Orders,
    /// What the supply is derived from.
    pub seed: u64,
    /// Continue in a log that holds a part of the same replay.
    pub resume: bool,
    /// Where to write the lines that were answered, if anywhere: a JSON array a row.
    pub acks: Option<Box<dyn Write>>,
    /// Called with the number of lines that were answered, those of earlier parts included.
    pub progress: &'a dyn Fn(u64),
}

/// Replays the lines on a bus whose clock is `clock`.
///
/// # Errors
/// If there are no lines, if the log holds anything but a part of this replay, if a command ends
/// with an error, or if the answers and the views disagree in the end.
pub async fn replay(bus: &Bus, clock: &VirtualClock, replay: Replay<'_>) -> Result<Report, Error> {
    let Replay { orders, seed, resume, acks, progress } = replay;
    if orders.lines.is_empty() {
        return Err(Error::new("the file holds no order lines"));
    }
    let plan = Plan::derive(orders, seed);
    let name = xxh3_64_with_seed(&orders.fingerprint.to_le_bytes(), seed);
    let past = past(bus, name, resume)?;
    let begin = now();
    let script = Script { orders, plan: &plan, name, done_through: past.through };
    let stage = Stage { bus, clock, script, progress, acks };
    let figures = Run::after(past.figures, stage).all().await?;
    let sending = now() - begin;
    let stock = Stocktaking::of(bus, &orders.skus)?;
    let report = Report::new(orders, &plan, seed, figures, &stock)?;
    Ok(report.timed(past.figures.lines_offered, sending))
}

/// What the log holds of this replay. A log that holds anything else is not touched.
fn past(bus: &Bus, name: u64, resume: bool) -> Result<Past, Error> {
    let head = *bus.watch_head(SERVICE, 0)?.borrow();
    if head == 0 {
        return Ok(Past::default());
    }
    if !resume {
        let what = format!("the data folder already holds a log of {head} events");
        return Err(Error::new(what).advise(
            "If it is from this replay, continue with --resume; otherwise name another folder with \
             --data.",
        ));
    }
    let past = Past::read(bus, name)?;
    if past.through == 0 {
        let what = "the data folder holds something other than a part of this replay";
        return Err(Error::new(what).advise(
            "To continue, name the same file, seed and limit; otherwise name another folder with \
             --data.",
        ));
    }
    Ok(past)
}
