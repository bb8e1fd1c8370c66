//! Load: every connection sends requests, checks responses and counts, until the time is over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::client::{Checked, Connection, Expected, Rendered};
use super::measure::{Counted, Process, Tally};
use super::order_ids::{OrderId, Orders};
use super::pace::{Arrivals, Pace};
use super::plan::{Plan, Target, Workload};
use super::skus::Skus;
use crate::clock::{now, now_ms, rest_until};
use crate::error::Error;

/// A request is sent at most this long after its time; later ones count as unsent.
const GRACE: Duration = Duration::from_secs(60);

/// What a run measured.
pub struct Taken {
    pub tally: Tally,
    /// CPU time of the server and of this process.
    pub server_cpu: Option<Duration>,
    pub own_cpu: Option<Duration>,
    /// CPU time of the server's threads.
    pub server_threads: BTreeMap<String, Duration>,
}

/// Runs the load. When this returns, every request that was sent has its response.
pub async fn run(target: &Target, plan: &Plan) -> Result<Taken, Error> {
    let connections = connect(target, plan.connections).await?;
    let begin = now();
    let from = begin + plan.warmup;
    let until = from + plan.time;
    let arrivals =
        plan.rate.map(|rate| Arrivals::begin(begin, plan.warmup + plan.time, rate, GRACE));
    let pace = arrivals.clone().map_or(Pace::Closed { until }, Pace::Open);
    let tally = Arc::new(Mutex::new(Tally::between(from, until)));
    let begin_ms = u64::try_from(now_ms()).unwrap_or_default();
    let skus = Arc::new(plan.workload.skus(plan.skus));
    let mut workers = JoinSet::new();
    for (number, connection) in connections.into_iter().enumerate() {
        let worker = Worker {
            connection,
            pace: pace.clone(),
            skus: Arc::clone(&skus),
            orders: Orders::of(plan.order_ids, begin_ms, number, plan.connections),
            random: fastrand::Rng::with_seed(plan.seed.wrapping_add(number as u64)),
            expected: target.expected,
            tally: Arc::clone(&tally),
        };
        let request = match plan.workload {
            Workload::Bulk => Rendered::bulk(&target.host, plan.bulk_lines),
            _ => Rendered::line(&target.host),
        };
        let read = (plan.workload == Workload::Reads).then(|| Rendered::read(&target.host));
        workers.spawn(worker.run(request, read));
    }
    let cpu = cpu_between(target.process, from, until).await;
    let ended: std::io::Result<Vec<()>> = workers.join_all().await.into_iter().collect();
    let mut tally = lock(&tally).clone();
    if let Err(error) = ended {
        tally.unexpected(format!("a connection broke: {error}"));
    }
    let unsent = arrivals.map_or(0, |it| it.unsent());
    if unsent > 0 {
        tally.unexpected(format!("{unsent} requests were never sent: the rate is too high"));
    }
    let Cpu { server: server_cpu, own: own_cpu, threads: server_threads } = cpu;
    Ok(Taken { tally, server_cpu, own_cpu, server_threads })
}

async fn connect(target: &Target, count: usize) -> Result<Vec<Connection>, Error> {
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        let opened = Connection::open(target.address).await;
        connections.push(opened.map_err(|error| {
            Error::new(format!("cannot connect to {}: {error}", target.address))
        })?);
    }
    Ok(connections)
}

/// CPU time.
struct Cpu {
    server: Option<Duration>,
    own: Option<Duration>,
    threads: BTreeMap<String, Duration>,
}

async fn cpu_between(server: Option<Process>, from: Instant, until: Instant) -> Cpu {
    let cpu = || (server.and_then(Process::cpu_time), Process::own().cpu_time());
    let threads = || server.map(Process::threads).unwrap_or_default();
    let taken =
        |before: Option<Duration>, after: Option<Duration>| Some(after?.saturating_sub(before?));
    rest_until(from).await;
    let (threads_before, before) = (threads(), cpu());
    rest_until(until).await;
    let (after, threads_after) = (cpu(), threads());
    Cpu {
        server: taken(before.0, after.0),
        own: taken(before.1, after.1),
        threads: threads_after.since(&threads_before),
    }
}

/// One connection with its work.
struct Worker {
    connection: Connection,
    pace: Pace,
    skus: Arc<Skus>,
    orders: Orders,
    random: fastrand::Rng,
    expected: Expected,
    tally: Arc<Mutex<Tally>>,
}

impl Worker {
    async fn run(
        mut self,
        mut request: Rendered,
        mut read: Option<Rendered>,
    ) -> std::io::Result<()> {
        while let Some(intended) = self.pace.next().await {
            let order = self.fill(&mut request);
            let (expected, lines) = (self.expected, request.lines());
            let response = self.connection.send(request.bytes()).await?;
            let checked = match lines {
                1 => expected.placed(response, &order),
                lines => expected.all_placed(response, lines, &order),
            };
            self.count(checked, intended, lines, false);
            if let Some(read) = &mut read {
                let intended = now();
                read.order(0, &order);
                let response = self.connection.send(read.bytes()).await?;
                let checked = expected.shown(response, &order);
                self.count(checked, intended, 0, true);
            }
        }
        Ok(())
    }

    /// Writes a new order id and a SKU into every line; returns the last order id.
    fn fill(&mut self, request: &mut Rendered) -> OrderId {
        let mut order = OrderId::default();
        for line in 0..request.lines() {
            order = self.orders.next();
            request.order(line, &order);
            request.sku(line, self.skus.draw(&mut self.random));
        }
        order
    }

    fn count(&self, checked: Checked, intended: Instant, lines: usize, is_read: bool) {
        let counted = Counted { intended, answered: now(), lines, is_read };
        lock(&self.tally).count(checked, &counted);
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}
