//! Load: every connection sends, checks and counts, until the time is over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::connection::Connection;
use super::expected::{Expected, Seen};
use super::moment::{now, rest_until};
use super::orders::{OrderId, Orders};
use super::pace::{Arrivals, Pace};
use super::process::Process;
use super::requests::Rendered;
use super::skus::Skus;
use super::tally::{Counted, Tally};
use super::target::{Plan, Target, Workload};
use crate::error::CliError;
use crate::node::now_ms;

/// Requests that came in time are sent at most so late.
const GRACE: Duration = Duration::from_secs(60);

/// What a run of load has taken.
pub struct Taken {
    pub tally: Tally,
    /// Processor time of the server, and of this process.
    pub server_cpu: Option<Duration>,
    pub own_cpu: Option<Duration>,
    /// The server's by its threads.
    pub server_threads: BTreeMap<String, Duration>,
}

/// Runs the load; when this returns, everything that was sent is answered.
pub async fn run(target: &Target, plan: &Plan) -> Result<Taken, CliError> {
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
    let mut lanes = JoinSet::new();
    for (lane, connection) in connections.into_iter().enumerate() {
        let lane = Lane {
            connection,
            pace: pace.clone(),
            skus: Arc::clone(&skus),
            orders: Orders::of(plan.order_ids, begin_ms, lane, plan.connections),
            random: fastrand::Rng::with_seed(plan.seed.wrapping_add(lane as u64)),
            expected: target.expected,
            tally: Arc::clone(&tally),
        };
        let request = match plan.workload {
            Workload::Bulk => Rendered::bulk(&target.host, plan.bulk_lines),
            _ => Rendered::line(&target.host),
        };
        let look = (plan.workload == Workload::Reads).then(|| Rendered::look(&target.host));
        lanes.spawn(lane.run(request, look));
    }
    let cpu = cpu_between(target.process, from, until).await;
    let ended: std::io::Result<Vec<()>> = lanes.join_all().await.into_iter().collect();
    let mut tally = lock(&tally).clone();
    if let Err(error) = ended {
        tally.wrong(format!("a connection broke: {error}"));
    }
    let unsent = arrivals.map_or(0, |it| it.unsent());
    if unsent > 0 {
        tally.wrong(format!("{unsent} requests were never sent: the rate is out of reach"));
    }
    let Cpu { server: server_cpu, own: own_cpu, threads: server_threads } = cpu;
    Ok(Taken { tally, server_cpu, own_cpu, server_threads })
}

async fn connect(target: &Target, count: usize) -> Result<Vec<Connection>, CliError> {
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        let opened = Connection::open(target.address).await;
        connections.push(opened.map_err(|error| {
            CliError::new(format!("cannot connect to {}: {error}", target.address))
        })?);
    }
    Ok(connections)
}

/// What was taken of the processors.
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

/// One connection at work.
struct Lane {
    connection: Connection,
    pace: Pace,
    skus: Arc<Skus>,
    orders: Orders,
    random: fastrand::Rng,
    expected: Expected,
    tally: Arc<Mutex<Tally>>,
}

impl Lane {
    async fn run(
        mut self,
        mut request: Rendered,
        mut look: Option<Rendered>,
    ) -> std::io::Result<()> {
        while let Some(intended) = self.pace.next().await {
            let order = self.fill(&mut request);
            let (expected, lines) = (self.expected, request.lines());
            let answer = self.connection.ask(request.bytes()).await?;
            let seen = match lines {
                1 => expected.placed(answer, &order),
                lines => expected.all_placed(answer, lines, &order),
            };
            self.count(seen, intended, lines, false);
            if let Some(look) = &mut look {
                let intended = now();
                look.order(0, &order);
                let answer = self.connection.ask(look.bytes()).await?;
                let seen = expected.shown(answer, &order);
                self.count(seen, intended, 0, true);
            }
        }
        Ok(())
    }

    /// Writes a new order and a SKU into every line; the last order is handed back.
    fn fill(&mut self, request: &mut Rendered) -> OrderId {
        let mut order = OrderId::default();
        for line in 0..request.lines() {
            order = self.orders.next();
            request.order(line, &order);
            request.sku(line, self.skus.draw(&mut self.random));
        }
        order
    }

    fn count(&self, seen: Seen, intended: Instant, lines: usize, is_read: bool) {
        let counted = Counted { intended, answered: now(), lines, is_read };
        lock(&self.tally).count(seen, &counted);
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
