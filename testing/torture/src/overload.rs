//! More than the server can do: it goes on doing as much, refuses the rest at once, and recovers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::client::Client;
use crate::clock::{Moment, rest};
use crate::report::Figures;
use crate::request::{Request, Wanted};
use crate::server::Server;
use crate::violation::Checked;
use crate::world::World;

/// An answer later than this is of no use.
const USEFUL_LATENCY_MAX: Duration = Duration::from_secs(1);
/// Who was sent away comes back ten times as soon as it was asked to.
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// So many times what the server can do.
const TIMES: usize = 5;
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(10);
const SKUS: u64 = 64;
const PERCENT_MIN: u64 = 80;
/// Beyond what it keeps at the peak, the server keeps at most so much for requests on their way...
const MEMORY_MORE_MAX: u64 = 256 << 20;
/// ...and so much for each line that was placed meanwhile: open lines of busy SKUs stay in memory.
const MEMORY_LINE_MAX: u64 = 768;

/// How hard it is tried.
#[derive(Clone, Copy, Debug)]
pub struct Overload {
    /// So long it is too much.
    pub lasts: Duration,
    /// So long each step towards the peak lasts.
    pub step: Duration,
    /// Goodput must be at least this part of the peak, in percent.
    pub percent_min: u64,
    /// After it the server is as before within this time.
    pub recovers_within: Duration,
}

impl Overload {
    /// As it is promised.
    #[must_use]
    pub fn promised(seconds: u64) -> Self {
        let (lasts, step) = (Duration::from_secs(seconds), Duration::from_secs(4));
        Self { lasts, step, percent_min: PERCENT_MIN, recovers_within: RECOVERY_TIMEOUT }
    }
}

/// What every client asks for.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    lines: u64,
    /// Connections on the way to the peak.
    steps: &'static [usize],
}

const KINDS: [Kind; 2] = [
    Kind { name: "single lines", lines: 1, steps: &[8, 16, 32, 64, 128] },
    Kind { name: "bulks of 100 lines", lines: 100, steps: &[2, 4, 8] },
];

/// What some clients saw in some time.
#[derive(Default)]
struct Seen {
    /// Lines answered in time.
    good: u64,
    late: u64,
    /// Requests sent away, and how long that took at most, in microseconds.
    busy: u64,
    waits_us: Vec<u64>,
    busy_us: Vec<u64>,
    time: Duration,
    memory: u64,
}

pub(crate) async fn torture(world: &mut World, how: Overload) -> Checked<Figures> {
    let (mut server, address) = world.start().await?;
    for sku in 0..SKUS {
        let body = format!(r#"{{"reference":"b{sku}","sku":"SKU-{sku}","quantity":1000000000}}"#);
        let path = "/v1/batches".to_owned();
        let request =
            Request { key: format!("b{sku}"), method: "POST", path, body, wants: Vec::new() };
        let reply = Client::of(address).ask(&request).await;
        reply.map_err(|cut| format!("no batch: {cut:?}"))?;
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
    let bar = world.ground.bar.clone();
    let (mut peak, mut at_peak) = (Seen::default(), kind.steps[0]);
    for connections in kind.steps {
        bar.set_message(format!("{}: {connections} clients", kind.name));
        let seen = drive(world, server, address, kind, *connections, how.step).await;
        if seen.rate() > peak.rate() {
            (peak, at_peak) = (seen, *connections);
        }
    }
    let many = at_peak * TIMES;
    bar.set_message(format!("{}: {many} clients", kind.name));
    let over = drive(world, server, address, kind, many, how.lasts).await;
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
    add("clients of the overload", many as u64);
    add("goodput, lines/s", over.rate());
    add("goodput, % of the peak", percent);
    add("p99 of the overload, µs", over.p99());
    add("lines answered later than 1 s", over.late);
    add("requests sent away", over.busy);
    add("p99 of being sent away, µs", p99(&over.busy_us));
    add("memory at the peak, MB", peak.memory >> 20);
    add("memory of the overload, MB", over.memory >> 20);
    add("p99 afterwards, µs", after.p99());
    add("as before again after, ms", recovered.as_millis().try_into().unwrap_or(u64::MAX));
    if percent < how.percent_min {
        return Err(format!("goodput fell to {percent} % of the peak\n{}", figures.table()).into());
    }
    let placed = over.good + over.late + after.good + after.late;
    if over.memory > peak.memory + MEMORY_MORE_MAX + placed * MEMORY_LINE_MAX {
        return Err(format!("it keeps too much in memory\n{}", figures.table()).into());
    }
    if recovered > how.recovers_within {
        return Err(format!("not as before after {recovered:?}\n{}", figures.table()).into());
    }
    Ok(figures)
}

/// Lets so many clients ask for so long.
async fn drive(
    world: &mut World,
    server: &Server,
    address: SocketAddr,
    kind: Kind,
    connections: usize,
    lasts: Duration,
) -> Seen {
    let begun = Moment::now();
    let end = begun.plus(lasts);
    let mut asking = JoinSet::new();
    for _ in 0..connections {
        let (name, rng) = (world.rng.u64(..), world.rng.fork());
        asking.spawn(ask(Client::of(address), format!("{name:x}"), rng, kind, end));
    }
    let mut all = Seen::default();
    while !end.is_over() {
        all.memory = all.memory.max(server.memory());
        rest(Duration::from_millis(200).min(lasts)).await;
    }
    for seen in asking.join_all().await {
        all.good += seen.good;
        all.late += seen.late;
        all.busy += seen.busy;
        all.waits_us.extend(seen.waits_us);
        all.busy_us.extend(seen.busy_us);
    }
    all.time = begun.passed();
    all.waits_us.sort_unstable();
    all.busy_us.sort_unstable();
    all
}

async fn ask(
    mut client: Client,
    name: String,
    mut rng: fastrand::Rng,
    kind: Kind,
    end: Moment,
) -> Seen {
    let (mut seen, mut count) = (Seen::default(), 0_u64);
    while !end.is_over() {
        count += 1;
        let request = Arc::new(request(&format!("{name}-{count}"), &mut rng, kind));
        while !end.is_over() {
            let begun = Moment::now();
            let Ok(reply) = client.ask(&request).await else { continue };
            let took = begun.passed();
            let micros = took.as_micros().try_into().unwrap_or(u64::MAX);
            if reply.status == 503 {
                seen.busy += 1;
                seen.busy_us.push(micros);
                rest(RETRY_DELAY).await;
                continue;
            }
            let body = String::from_utf8_lossy(&reply.body);
            let lines = body.matches("\"outcome\":\"placed\"").count() as u64;
            if took <= USEFUL_LATENCY_MAX {
                seen.good += lines;
            } else {
                seen.late += lines;
            }
            seen.waits_us.push(micros);
            break;
        }
    }
    seen
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
    let wants: Vec<Wanted> = Vec::new();
    Request { key: key.to_owned(), method: "POST", path: path.to_owned(), body, wants }
}

impl Seen {
    /// Lines answered in time, a second.
    fn rate(&self) -> u64 {
        let millis = u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX);
        self.good * 1_000 / millis.max(1)
    }

    fn p99(&self) -> u64 {
        p99(&self.waits_us)
    }
}

fn p99(sorted: &[u64]) -> u64 {
    sorted.get(sorted.len() * 99 / 100).copied().unwrap_or(0)
}
