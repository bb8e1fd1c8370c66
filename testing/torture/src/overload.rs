//! More load than the server can handle: it keeps its goodput, refuses the rest, and recovers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::client::Client;
use crate::clock::{Moment, sleep};
use crate::report::Figures;
use crate::request::{OrderLine, Request};
use crate::server::Server;
use crate::violation::Checked;
use crate::world::World;

/// A response later than this does not count as goodput.
const USEFUL_LATENCY_MAX: Duration = Duration::from_secs(1);
/// A refused client retries after this time, ten times sooner than Retry-After says.
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// Load in multiples of the peak.
const LOAD_FACTOR: usize = 5;
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(10);
const SKUS: u64 = 64;
/// Least goodput in percent of the peak.
const PERCENT_MIN: u64 = 80;
/// Most memory beyond that at the peak for requests in flight, bytes.
const REQUESTS_MEMORY_MAX: u64 = 256 << 20;
/// Most memory per line placed meanwhile, bytes: open lines of busy SKUs stay in memory.
const LINE_MEMORY_MAX: u64 = 768;

/// The parameters of an overload.
#[derive(Clone, Copy, Debug)]
pub struct Overload {
    /// How long the overload lasts.
    pub duration: Duration,
    /// How long each step of the search for the peak lasts.
    pub step: Duration,
    /// Least goodput in percent of the peak.
    pub percent_min: u64,
    /// Longest time until the latency is back to normal after the overload.
    pub recovers_within: Duration,
}

impl Overload {
    /// The parameters of the documented guarantee.
    #[must_use]
    pub fn guaranteed(seconds: u64) -> Self {
        let (duration, step) = (Duration::from_secs(seconds), Duration::from_secs(4));
        Self { duration, step, percent_min: PERCENT_MIN, recovers_within: RECOVERY_TIMEOUT }
    }
}

/// What clients send.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    lines: u64,
    /// Numbers of clients that are tried to find the peak.
    steps: &'static [usize],
}

const KINDS: [Kind; 2] = [
    Kind { name: "single lines", lines: 1, steps: &[8, 16, 32, 64, 128] },
    Kind { name: "bulks of 100 lines", lines: 100, steps: &[2, 4, 8] },
];

/// The results of some clients.
#[derive(Default)]
struct LoadResult {
    /// Number of lines answered in time.
    good: u64,
    /// Number of lines answered too late.
    late: u64,
    /// Number of requests refused as busy.
    busy: u64,
    /// Latencies of answered requests, in microseconds.
    latencies_us: Vec<u64>,
    /// Latencies of refused requests, in microseconds.
    busy_us: Vec<u64>,
    time: Duration,
    /// Most resident memory of the server, bytes.
    memory: u64,
}

pub(crate) async fn run(world: &mut World, how: Overload) -> Checked<Figures> {
    let (mut server, address) = world.start().await?;
    for sku in 0..SKUS {
        let body = format!(r#"{{"reference":"b{sku}","sku":"SKU-{sku}","quantity":1000000000}}"#);
        let path = "/v1/batches".to_owned();
        let request =
            Request { key: format!("b{sku}"), method: "POST", path, body, order_lines: Vec::new() };
        let response = Client::of(address).request(&request).await;
        response.map_err(|error| format!("no batch: {error:?}"))?;
    }
    let mut figures = Figures::default();
    for kind in KINDS {
        figures = figures.with(overrun(world, &server, address, kind, how).await?);
    }
    server.stop().await?;
    world.read_log().await?;
    world.verify().await?;
    figures.add("events in the log", world.auditor.events);
    Ok(figures)
}

async fn overrun(
    world: &mut World,
    server: &Server,
    address: SocketAddr,
    kind: Kind,
    how: Overload,
) -> Checked<Figures> {
    let bar = world.setup.bar.clone();
    let (mut peak, mut at_peak) = (LoadResult::default(), kind.steps[0]);
    for connections in kind.steps {
        bar.set_message(format!("{}: {connections} clients", kind.name));
        let result = drive(world, server, address, kind, *connections, how.step).await;
        if result.rate() > peak.rate() {
            (peak, at_peak) = (result, *connections);
        }
    }
    let clients = at_peak * LOAD_FACTOR;
    bar.set_message(format!("{}: {clients} clients", kind.name));
    let over = drive(world, server, address, kind, clients, how.duration).await;
    let ended = Moment::now();
    bar.set_message(format!("{}: {at_peak} clients again", kind.name));
    let mut after = drive(world, server, address, kind, at_peak, how.step / 4).await;
    while after.p99() > peak.p99() * 2 && ended.passed() < how.recovers_within * 3 {
        after = drive(world, server, address, kind, at_peak, how.step / 4).await;
    }
    let recovered = ended.passed().saturating_sub(after.time);
    let percent = over.rate() * 100 / peak.rate().max(1);
    let mut figures = Figures::default();
    let mut add = |name: &str, figure: u64| figures.add(&format!("{}: {name}", kind.name), figure);
    add("clients at the peak", at_peak as u64);
    add("peak, lines/s", peak.rate());
    add("p99 at the peak, µs", peak.p99());
    add("clients of the overload", clients as u64);
    add("goodput, lines/s", over.rate());
    add("goodput, % of the peak", percent);
    add("p99 of the overload, µs", over.p99());
    add("lines answered later than 1 s", over.late);
    add("requests refused as busy", over.busy);
    add("p99 of refusals, µs", p99(&over.busy_us));
    add("memory at the peak, MB", peak.memory >> 20);
    add("memory of the overload, MB", over.memory >> 20);
    add("p99 afterwards, µs", after.p99());
    add("recovered after, ms", recovered.as_millis().try_into().unwrap_or(u64::MAX));
    if percent < how.percent_min {
        return Err(format!("goodput is {percent} % of the peak\n{}", figures.table()).into());
    }
    let placed = over.good + over.late + after.good + after.late;
    if over.memory > peak.memory + REQUESTS_MEMORY_MAX + placed * LINE_MEMORY_MAX {
        return Err(format!("too much memory is used\n{}", figures.table()).into());
    }
    if recovered > how.recovers_within {
        return Err(format!("not recovered after {recovered:?}\n{}", figures.table()).into());
    }
    Ok(figures)
}

/// Runs clients for some time and returns their results.
async fn drive(
    world: &mut World,
    server: &Server,
    address: SocketAddr,
    kind: Kind,
    connections: usize,
    duration: Duration,
) -> LoadResult {
    let begun = Moment::now();
    let end = begun.plus(duration);
    let mut load = JoinSet::new();
    for _ in 0..connections {
        let (name, rng) = (world.rng.u64(..), world.rng.fork());
        load.spawn(send_lines(Client::of(address), format!("{name:x}"), rng, kind, end));
    }
    let mut all = LoadResult::default();
    while !end.is_over() {
        all.memory = all.memory.max(server.memory());
        sleep(Duration::from_millis(200).min(duration)).await;
    }
    for result in load.join_all().await {
        all.good += result.good;
        all.late += result.late;
        all.busy += result.busy;
        all.latencies_us.extend(result.latencies_us);
        all.busy_us.extend(result.busy_us);
    }
    all.time = begun.passed();
    all.latencies_us.sort_unstable();
    all.busy_us.sort_unstable();
    all
}

async fn send_lines(
    mut client: Client,
    name: String,
    mut rng: fastrand::Rng,
    kind: Kind,
    end: Moment,
) -> LoadResult {
    let (mut result, mut count) = (LoadResult::default(), 0_u64);
    while !end.is_over() {
        count += 1;
        let request = Arc::new(request(&format!("{name}-{count}"), &mut rng, kind));
        while !end.is_over() {
            let begun = Moment::now();
            let Ok(response) = client.request(&request).await else { continue };
            let took = begun.passed();
            let micros = took.as_micros().try_into().unwrap_or(u64::MAX);
            if response.status == 503 {
                result.busy += 1;
                result.busy_us.push(micros);
                sleep(RETRY_DELAY).await;
                continue;
            }
            let body = String::from_utf8_lossy(&response.body);
            let lines = body.matches("\"outcome\":\"placed\"").count() as u64;
            if took <= USEFUL_LATENCY_MAX {
                result.good += lines;
            } else {
                result.late += lines;
            }
            result.latencies_us.push(micros);
            break;
        }
    }
    result
}

fn request(key: &str, rng: &mut fastrand::Rng, kind: Kind) -> Request {
    let lines: Vec<String> = (0..kind.lines)
        .map(|at| {
            let sku = rng.u64(0..SKUS);
            format!(r#"{{"order_id":"{key}","line_id":"{at}","sku":"SKU-{sku}","quantity":1}}"#)
        })
        .collect();
    let (path, body) = match lines.as_slice() {
        [line] => ("/v1/allocations", line.clone()),
        lines => ("/v1/allocations/bulk", format!("[{}]", lines.join(","))),
    };
    let order_lines: Vec<OrderLine> = Vec::new();
    Request { key: key.to_owned(), method: "POST", path: path.to_owned(), body, order_lines }
}

impl LoadResult {
    /// Lines answered in time per second.
    fn rate(&self) -> u64 {
        let millis = u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX);
        self.good * 1_000 / millis.max(1)
    }

    fn p99(&self) -> u64 {
        p99(&self.latencies_us)
    }
}

fn p99(sorted: &[u64]) -> u64 {
    sorted.get(sorted.len() * 99 / 100).copied().unwrap_or(0)
}
