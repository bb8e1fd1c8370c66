//! Shortages: a batch with ten thousand allocated lines is halved, and half of the lines move.

use std::collections::BTreeMap;
use std::time::Duration;

use super::client::{Connection, Rendered, patch, sku_name};
use super::measure::{Counted, Process, Tally};
use super::order_ids::{OrderId, Orders};
use super::plan::{Plan, Target};
use super::prepare::make;
use super::run::Taken;
use crate::clock::{now, now_ms};
use crate::error::Error;

/// Lines allocated to the batch, one unit each.
const LINES: u32 = 10_000;
/// Lines per request while the batch is filled.
const FILLED_AT_ONCE: usize = 1_000;
/// The first SKU of this workload, above those of all others.
const FIRST_SKU: u32 = 10_000_000;

/// Runs one shortage after another until they took the time of the plan. Filling is not counted.
pub async fn run(target: &Target, plan: &Plan) -> Result<Taken, Error> {
    let mut connection = Connection::open(target.address).await?;
    let begin_ms = u64::try_from(now_ms()).unwrap_or_default();
    let mut orders = Orders::of(plan.order_ids, begin_ms, 0, 1);
    let begin = now();
    let mut tally = Tally::between(begin, begin + Duration::from_secs(24 * 3600));
    let (mut cpu, mut own_cpu, mut time) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let run_name = begin_ms % 10_000_000_000;
    let mut storm = 0;
    while time < plan.time || storm == 0 {
        let sku = FIRST_SKU + storm;
        let reference = format!("storm-{run_name}-{storm}");
        make(&mut connection, target, &sku_name(sku), &reference, LINES).await?;
        let next = format!("{reference}-next");
        make(&mut connection, target, &sku_name(sku), &next, LINES / 2).await?;
        fill(&mut connection, target, sku, &mut orders).await?;
        let cpu_before = cpu_of(target);
        let intended = now();
        let body = format!(r#"{{"quantity":{},"reason":"a storm"}}"#, LINES / 2);
        let request = patch(&target.host, &format!("/v1/batches/{reference}"), &body);
        let moved = LINES as usize / 2;
        let checked = target.expected.moved(connection.send(&request).await?, moved);
        let answered = now();
        tally.count(checked, &Counted { intended, answered, lines: moved, is_read: false });
        let cpu_after = cpu_of(target);
        cpu += cpu_after.0.saturating_sub(cpu_before.0);
        own_cpu += cpu_after.1.saturating_sub(cpu_before.1);
        time += answered - intended;
        storm += 1;
    }
    tally.set_time(time);
    let server_cpu = target.process.map(|_| cpu);
    // Filling lies between the measurements, so threads are not measured.
    let server_threads = BTreeMap::new();
    Ok(Taken { tally, server_cpu, own_cpu: Some(own_cpu), server_threads })
}

/// CPU time of the server and of this process.
fn cpu_of(target: &Target) -> (Duration, Duration) {
    let server = target.process.and_then(Process::cpu_time);
    (server.unwrap_or_default(), Process::own().cpu_time().unwrap_or_default())
}

async fn fill(
    connection: &mut Connection,
    target: &Target,
    sku: u32,
    orders: &mut Orders,
) -> Result<(), Error> {
    let mut request = Rendered::bulk(&target.host, FILLED_AT_ONCE);
    for _ in 0..LINES as usize / FILLED_AT_ONCE {
        let mut last = OrderId::default();
        for line in 0..request.lines() {
            last = orders.next();
            request.order(line, &last);
            request.sku(line, sku);
        }
        let response = connection.send(request.bytes()).await?;
        let filled = target.expected.all_placed(response, request.lines(), &last);
        filled.map_err(|it| Error::new(format!("a batch could not be filled: {it}")))?;
    }
    Ok(())
}
