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

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Work {
    /// GroupCommit of 64 lines, one after another: for counting instructions
    Allocations,
    /// Lines through the bus as fast as possible, sent like `replay` sends them
    Bus,
    /// The same lines encoded and appended to a file, synced every 4,096 lines
    BareFile,
    /// Like `bus`, with the cost of each tenth compared with encoding its lines: the log grows
    Growth,
    /// Like `growth` on one SKU, whose number of open lines grows
    GrowthOfOne,
    /// The steps that every line needs, one by one: the least processor time of the bus
    Parts,
}

/// Lines of a group whose instructions are counted: one per connection of 64.
const COUNTED_GROUP: usize = 64;
/// Lines sent together, and the number of such chunks in flight, as in `replay`.
const CHUNK: usize = 2_048;
const CHUNKS_IN_FLIGHT: usize = 4;
/// Parts of a growing log, and slices of a part; the speed of the machine is measured after each
/// slice.
const TENTHS: usize = 10;
const SLICES: usize = 10;
/// SKUs of the work whose instructions are counted.
const FEW_SKUS: usize = 200;

/// Does the work and prints the lines per second as JSON.
pub fn run(work: Work, lines: usize, scratch: &Path) -> Result<(), Failure> {
    let folder = tempfile::Builder::new().prefix("earmark-in-process-").tempdir_in(scratch)?;
    println!("{}", measure(work, lines, folder.path())?);
    Ok(())
}

/// Does the work in a folder and returns the report.
pub fn measure(work: Work, lines: usize, folder: &Path) -> Result<Value, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let through = |skus, tenths, in_flight| BusRun { skus, lines, tenths, in_flight };
    let mut costs = Vec::new();
    let seconds = match work {
        Work::Allocations => through(FEW_SKUS, 1, 1).run(folder, &mut costs, &runtime)?,
        Work::Bus => through(SKUS, 1, CHUNKS_IN_FLIGHT).run(folder, &mut costs, &runtime)?,
        Work::Growth => {
            through(SKUS, TENTHS, CHUNKS_IN_FLIGHT).run(folder, &mut costs, &runtime)?
        }
        Work::GrowthOfOne => {
            through(1, TENTHS, CHUNKS_IN_FLIGHT).run(folder, &mut costs, &runtime)?
        }
        Work::BareFile => into_file(folder, lines)?,
        Work::Parts => return Ok(parts_report(Parts::measure(folder, lines)?, lines)),
    };
    let per_second = float(lines) / seconds;
    let mut report = json!({ "lines": lines, "seconds": seconds, "lines_per_second": per_second });
    if costs.len() > 1 {
        report["cpu_us_per_line"] = json!(costs.iter().map(|it| it.bus).collect::<Vec<_>>());
        report["encoding_us_per_line"] =
            json!(costs.iter().map(|it| it.encoding).collect::<Vec<_>>());
        let to_encoding = |it: &Cost| it.bus / it.encoding;
        report["to_encoding"] = json!(costs.iter().map(to_encoding).collect::<Vec<_>>());
    }
    Ok(report)
}

/// The time of each step, and the lines per second if all processors did only these steps and never
/// waited.
fn parts_report(parts: Parts, lines: usize) -> Value {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let per_second = float(cores) * 1e6 / parts.sum();
    json!({ "lines": lines, "lines_per_second": per_second, "cpu_us_by_part": parts })
}

/// Processor time per line of a tenth, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    /// Through the bus, in all threads.
    bus: f64,
    /// Only encoded, alternating with the bus: the speed of the machine at that time.
    encoding: f64,
}

/// Lines through the bus.
struct BusRun {
    skus: usize,
    lines: usize,
    /// Number of parts, one after another: ten or one.
    tenths: usize,
    /// Number of chunks in flight.
    in_flight: usize,
}

impl BusRun {
    /// Sends the lines and returns the seconds. The cost of each part is added to `costs` if there
    /// are several parts.
    fn run(
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
        let running = Runtime::start(&bus)?;
        runtime.block_on(make_batches(&bus, self.skus))?;
        let begun = now();
        if self.tenths == 1 {
            runtime.block_on(self.send(&bus, 0, self.lines))?;
        } else {
            for tenth in 0..self.tenths {
                costs.push(self.run_tenth(tenth, &bus, runtime)?);
            }
        }
        let seconds = begun.elapsed().as_secs_f64();
        running.stop();
        Ok(seconds)
    }

    fn run_tenth(
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
            cost.bus += processor_seconds(ClockId::ProcessCPUTime) - all - encoding;
            cost.encoding += encoding;
        }
        let us_per_line = 1e6 / float((at(SLICES) - at(0)).max(1));
        Ok(Cost { bus: cost.bus * us_per_line, encoding: cost.encoding * us_per_line })
    }

    async fn send(&self, bus: &Bus, from: usize, end: usize) -> Result<(), Failure> {
        let chunk = if self.in_flight > 1 { CHUNK } else { COUNTED_GROUP };
        let (skus, in_flight) = (self.skus, self.in_flight);
        let mut senders = JoinSet::new();
        for sender in 0..in_flight {
            let bus = bus.clone();
            senders.spawn(async move {
                for from in (from + sender * chunk..end).step_by(chunk * in_flight) {
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
        senders.join_all().await.into_iter().collect()
    }
}

/// Creates the batches concurrently, so that many share a commit.
async fn make_batches(bus: &Bus, skus: usize) -> Result<(), Failure> {
    const SENDERS: usize = 500;
    let mut makers = JoinSet::new();
    for sender in 0..SENDERS.min(skus) {
        let bus = bus.clone();
        makers.spawn(async move {
            for number in (sender..skus).step_by(SENDERS) {
                let batch = CreateBatch {
                    reference: BatchReference(text(&format!("b{number}"))),
                    sku: sku(number),
                    quantity: Quantity::new(1_000_000_000)
                        .expect("the largest quantity of a batch"),
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
