//! Two requests on the hold of one order at the same time, over HTTP. Whatever their order, all
//! lines of the hold share one end, and the answers say what the stock says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::clock::{Moment, sleep};
use crate::race::{KINDS, Kind, Race, expect, post, sku};
use crate::report::Figures;
use crate::violation::Checked;
use crate::world::World;

/// Number of SKUs with stock for every race.
const SKUS: usize = 600;
/// From this number of races on, the times of holds are compared too.
const TIMED_FROM: u64 = 1_000;
/// Number of holds of each size whose time is taken.
const HOLDS_TIMED: usize = 100;
/// A hold of 100 SKUs in one partition must not take longer, in percent of a hold of one SKU.
const HOLD_TIME_PERCENT_MAX: u128 = 500;
/// Number of races at the same time.
const CONCURRENT: usize = 24;
/// Numbers of lines of a hold; most holds are small.
const LINES: [usize; 8] = [1, 2, 2, 3, 5, 8, 40, 600];
/// The partitions of the two servers, one after the other.
const PARTITIONS: [&str; 2] = ["1", "4"];

/// The races of a run.
struct Races {
    address: SocketAddr,
    /// Begins the id of every order.
    prefix: String,
    next: AtomicU64,
    count: u64,
    seed: u64,
    pairs: std::sync::Mutex<std::collections::BTreeMap<(Kind, Kind), u64>>,
}

pub(crate) async fn run(world: &mut World, count: u64) -> Checked<Figures> {
    world.setup.bar.set_length(count);
    let mut figures = Figures::default();
    let mut pairs = std::collections::BTreeMap::new();
    for (index, partitions) in PARTITIONS.into_iter().enumerate() {
        let share = count / 2 + count % 2 * u64::from(index == 0);
        let folder = tempfile::tempdir()?;
        let mut server = crate::server::Server::start_with(
            &world.setup,
            folder.path(),
            &["--partitions", partitions],
        )?;
        let (address, _) = server.ready().await?;
        create_stock(address).await?;
        if partitions == "1" && count >= TIMED_FROM {
            let percent = hold_time_percent(address).await?;
            figures.add("time of a hold of 100 SKUs, in % of one of 1 SKU", percent);
            if percent > HOLD_TIME_PERCENT_MAX {
                return Err(format!("a hold of 100 SKUs takes {percent} % of one SKU's").into());
            }
        }
        let races = Arc::new(Races {
            address,
            prefix: format!("race-{partitions}"),
            next: AtomicU64::new(0),
            count: share,
            seed: world.rng.u64(..),
            pairs: std::sync::Mutex::default(),
        });
        let mut running = JoinSet::new();
        for _ in 0..CONCURRENT {
            let (races, bar) = (Arc::clone(&races), world.setup.bar.clone());
            running.spawn(async move { races.run(&bar).await });
        }
        for ended in running.join_all().await {
            if let Err(violation) = ended {
                let kept = folder.keep();
                return Err(format!("{violation}; the data: {}", kept.display()).into());
            }
        }
        if let Ok(found) = races.pairs.lock() {
            for (pair, times) in found.iter() {
                *pairs.entry(*pair).or_insert(0) += times;
            }
        }
        // What has ended by its time is given back before the log is verified.
        sleep(Duration::from_secs(2)).await;
        server.stop().await?;
        world.verify_folder(folder.path()).await?;
    }
    figures.add("races", count);
    figures.add("pairs of requests", pairs.len());
    figures.add("races of the rarest pair", pairs.values().copied().min().unwrap_or(0));
    figures.add("disagreements between answers and stock", 0);
    Ok(figures)
}

/// The median time of a hold of 100 SKUs, in percent of that of a hold of one. They take turns, and
/// nothing else is sent.
async fn hold_time_percent(address: SocketAddr) -> Checked<u128> {
    let mut client = Client::of(address);
    let mut times = [Vec::new(), Vec::new()];
    for number in 0..HOLDS_TIMED * 2 {
        let count = [1, 100][number % 2];
        let lines: Vec<_> = (0..count).map(|it| json!({ "sku": sku(it), "quantity": 1 })).collect();
        let body = json!({ "order_id": format!("timed-{number}"), "lines": lines, "ttl_s": 600 });
        let sent = Moment::now();
        expect(&post(&mut client, "/v1/holds", &body).await?, &[201])?;
        times[number % 2].push(sent.passed());
    }
    let [one, hundred] = times.map(|mut times| {
        times.sort_unstable();
        times[HOLDS_TIMED / 2].as_micros()
    });
    Ok(hundred * 100 / one.max(1))
}

async fn create_stock(address: SocketAddr) -> Checked<()> {
    let mut client = Client::of(address);
    for number in 0..SKUS {
        let body = json!({
            "reference": format!("b{number}"), "sku": sku(number), "quantity": 1_000_000_000,
        });
        expect(&post(&mut client, "/v1/batches", &body).await?, &[201])?;
    }
    let body = json!({ "reference": "none", "sku": "NONE", "quantity": 1 });
    expect(&post(&mut client, "/v1/batches", &body).await?, &[201])?;
    let body = json!({ "order_id": "none", "sku": "NONE", "quantity": 1 });
    expect(&post(&mut client, "/v1/allocations", &body).await?, &[201])
}

impl Races {
    async fn run(&self, bar: &indicatif::ProgressBar) -> Checked<()> {
        let mut clients =
            [Client::of(self.address), Client::of(self.address), Client::of(self.address)];
        loop {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            if number >= self.count {
                return Ok(());
            }
            let race = self.race(number);
            if let Ok(mut pairs) = self.pairs.lock() {
                let [a, b] = race.kinds;
                *pairs.entry((a.min(b), a.max(b))).or_insert(0) += 1;
            }
            clients = race.run(clients).await?;
            bar.inc(1);
        }
    }

    /// Every pair of kinds comes in turn.
    fn race(&self, number: u64) -> Race {
        let mut rng = fastrand::Rng::with_seed(self.seed ^ number);
        let place = usize::try_from(number).unwrap_or(0);
        let kinds = [KINDS[place % KINDS.len()], KINDS[place / KINDS.len() % KINDS.len()]];
        let waits = kinds.contains(&Kind::ConfirmAtEnd);
        let count = if waits { LINES[rng.usize(0..4)] } else { LINES[rng.usize(0..LINES.len())] };
        // Holds of many lines are rarer, because they take long.
        let count = if count > 8 && rng.u8(0..10) > 0 { 4 } else { count };
        let first = rng.usize(0..SKUS);
        Race {
            order: format!("{}-{number}", self.prefix),
            skus: (0..count).map(|at| (first + at * 7) % SKUS).collect(),
            held: waits || rng.u8(0..4) > 0,
            kinds,
            ttl_s: if waits { 1 } else { 600 },
        }
    }
}
