//! Work without HTTP: lines through the bus onto SQLite, and the same lines into a bare file.

use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use earmark_contracts::allocation::{CreateBatch, Outcome};
use earmark_contracts::values::{BatchReference, Quantity};
use earmark_kernel::clock::SystemClock;
use earmark_kernel::ids::RandomIds;
use earmark_kernel::runtime::Runtime;
use earmark_kernel::{Bus, Limits, Meta, Opening, Stores};
use earmark_services::allocation;
use rustix::time::ClockId;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::clock::{now, processor_seconds};
use crate::failure::Failure;
use crate::lines::{GROUP, SKUS, float, line, sku, store, text};
use crate::parts::Parts;
use crate::preallocated::{FILE_BYTES, Preallocated};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Work {
    /// Groups of 64 lines, one after another: for counting instructions
    Allocations,
    /// As many lines as the bus takes, as `replay` sends them
    Bus,
    /// The same lines encoded and appended to a file, synced every 4,096
    BareFile,
    /// As many lines as the bus takes, and what each tenth costs beside encoding it: the log grows
    Growth,
    /// The same on one SKU, whose open lines grow
    GrowthOfOne,
    /// What no line can do without, part by part: the least that the bus could take of processors
    Parts,
}

/// Lines of a group that is counted: what 64 connections bring together.
const COUNTED_GROUP: usize = 64;
/// Lines sent at once, and how many such may be unanswered, as in `replay`.
const CHUNK: usize = 2_048;
const UNANSWERED: usize = 4;
/// Parts of what grows, and slices of a part, between which the machine is measured.
const TENTHS: usize = 10;
const SLICES: usize = 10;
/// SKUs of the counted work.
const FEW_SKUS: usize = 200;

/// Does it, and tells the lines per second as JSON.
pub fn run(work: Work, lines: usize, scratch: &Path) -> Result<(), Failure> {
    let folder = tempfile::Builder::new().prefix("earmark-in-process-").tempdir_in(scratch)?;
    println!("{}", take(work, lines, folder.path())?);
    Ok(())
}

/// Does it in a folder.
pub fn take(work: Work, lines: usize, folder: &Path) -> Result<Value, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let through = |skus, tenths, unanswered| Road { skus, lines, tenths, unanswered };
    let mut costs = Vec::new();
    let seconds = match work {
        Work::Allocations => through(FEW_SKUS, 1, 1).take(folder, &mut costs, &runtime)?,
        Work::Bus => through(SKUS, 1, UNANSWERED).take(folder, &mut costs, &runtime)?,
        Work::Growth => through(SKUS, TENTHS, UNANSWERED).take(folder, &mut costs, &runtime)?,
        Work::GrowthOfOne => through(1, TENTHS, UNANSWERED).take(folder, &mut costs, &runtime)?,
        Work::BareFile => into_file(folder, lines)?,
        Work::Parts => return Ok(told(Parts::measure(folder, lines)?, lines)),
    };
    let per_second = float(lines) / seconds;
    let mut told = json!({ "lines": lines, "seconds": seconds, "lines_per_second": per_second });
    if costs.len() > 1 {
        told["cpu_us_per_line"] = json!(costs.iter().map(|it| it.road).collect::<Vec<_>>());
        told["encoding_us_per_line"] =
            json!(costs.iter().map(|it| it.encoding).collect::<Vec<_>>());
        let to_encoding = |it: &Cost| it.road / it.encoding;
        told["to_encoding"] = json!(costs.iter().map(to_encoding).collect::<Vec<_>>());
    }
    Ok(told)
}

/// What each part takes, and how many lines the machine's processors could do in a second if they
/// did nothing else and never waited.
fn told(parts: Parts, lines: usize) -> Value {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let per_second = float(cores) * 1e6 / parts.sum();
    json!({ "lines": lines, "lines_per_second": per_second, "cpu_us_by_part": parts })
}

/// What a line of a part costs, in microseconds of the processor.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    /// Through the bus, all threads together.
    road: f64,
    /// Only encoded, in turn with it: how fast the machine was meanwhile.
    encoding: f64,
}

/// Lines through the bus.
struct Road {
    skus: usize,
    lines: usize,
    /// In so many parts, one after another: tenths, or one.
    tenths: usize,
    /// Chunks that may be unanswered.
    unanswered: usize,
}

impl Road {
    /// Takes it, and tells the seconds; what each part costs is put into `costs`, where there are
    /// several.
    fn take(
        &self,
        folder: &Path,
        costs: &mut Vec<Cost>,
        runtime: &tokio::runtime::Runtime,
    ) -> Result<f64, Failure> {
        let (log, rows) = store(folder)?;
        let stores = Stores { log: Arc::new(log), rows: Arc::new(rows) };
        let opening = Opening { service: allocation::service(), stores: vec![stores] };
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds));
        let bus = Bus::open(vec![opening], clock, ids, Limits::default()).map_err(Failure::new)?;
        let moving = Runtime::start(&bus)?;
        runtime.block_on(make_batches(&bus, self.skus))?;
        let begun = now();
        if self.tenths == 1 {
            runtime.block_on(self.send(&bus, 0, self.lines))?;
        } else {
            for tenth in 0..self.tenths {
                costs.push(self.take_tenth(tenth, &bus, runtime)?);
            }
        }
        let seconds = begun.elapsed().as_secs_f64();
        moving.stop();
        Ok(seconds)
    }

    fn take_tenth(
        &self,
        tenth: usize,
        bus: &Bus,
        runtime: &tokio::runtime::Runtime,
    ) -> Result<Cost, Failure> {
        let at = |slice: usize| self.lines * (tenth * SLICES + slice) / (self.tenths * SLICES);
        let mut cost = Cost::default();
        for slice in 0..SLICES {
            let (from, end) = (at(slice), at(slice + 1));
            let all = processor_seconds(ClockId::ProcessCPUTime);
            runtime.block_on(self.send(bus, from, end))?;
            let own = processor_seconds(ClockId::ThreadCPUTime);
            encode(from, end, self.skus, &mut Vec::new())?;
            let encoding = processor_seconds(ClockId::ThreadCPUTime) - own;
            cost.road += processor_seconds(ClockId::ProcessCPUTime) - all - encoding;
            cost.encoding += encoding;
        }
        let us_per_line = 1e6 / float((at(SLICES) - at(0)).max(1));
        Ok(Cost { road: cost.road * us_per_line, encoding: cost.encoding * us_per_line })
    }

    async fn send(&self, bus: &Bus, from: usize, end: usize) -> Result<(), Failure> {
        let chunk = if self.unanswered > 1 { CHUNK } else { COUNTED_GROUP };
        let (skus, unanswered) = (self.skus, self.unanswered);
        let mut lanes = JoinSet::new();
        for lane in 0..unanswered {
            let bus = bus.clone();
            lanes.spawn(async move {
                for from in (from + lane * chunk..end).step_by(chunk * unanswered) {
                    let commands =
                        (from..end.min(from + chunk)).map(|it| (line(it, skus), Meta::default()));
                    for reply in bus.send_many(commands.collect()).await {
                        let placement = reply.ending.map_err(Failure::new)?;
                        if !matches!(placement.outcome, Outcome::Placed { .. }) {
                            return Err(Failure::new("a line was not placed"));
                        }
                    }
                }
                Ok(())
            });
        }
        lanes.join_all().await.into_iter().collect()
    }
}

/// Side by side, so that many share a commit.
async fn make_batches(bus: &Bus, skus: usize) -> Result<(), Failure> {
    const LANES: usize = 500;
    let mut makers = JoinSet::new();
    for lane in 0..LANES.min(skus) {
        let bus = bus.clone();
        makers.spawn(async move {
            for number in (lane..skus).step_by(LANES) {
                let batch = CreateBatch {
                    reference: BatchReference(text(&format!("b{number}"))),
                    sku: sku(number),
                    quantity: Quantity::new(1_000_000_000).expect("as many as a batch may have"),
                    eta: None,
                    expires: None,
                };
                bus.send(batch).await.map_err(Failure::new)?;
            }
            Ok(())
        });
    }
    makers.join_all().await.into_iter().collect()
}

fn into_file(folder: &Path, lines: usize) -> Result<f64, Failure> {
    let mut file = Preallocated::create(folder, FILE_BYTES)?;
    let begun = now();
    let mut group = Vec::new();
    for from in (0..lines).step_by(GROUP) {
        group.clear();
        encode(from, lines.min(from + GROUP), SKUS, &mut group)?;
        file.append(&group)?;
    }
    Ok(begun.elapsed().as_secs_f64())
}

fn encode(from: usize, end: usize, skus: usize, into: &mut Vec<u8>) -> Result<(), Failure> {
    for number in from..end {
        serde_json::to_writer(&mut *into, &line(number, skus)).map_err(Failure::new)?;
        into.push(b'\n');
    }
    Ok(())
}
