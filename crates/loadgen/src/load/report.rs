//! The report of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::measure::{Latency, Process, ViewWaits};
use super::plan::{Plan, Target};
use super::run::Taken;

/// What a run measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The workload's name.
    pub workload: &'static str,
    /// How order ids follow each other.
    pub order_ids: &'static str,
    /// SKUs to draw from.
    pub skus: u32,
    /// Connections, each with at most one request in flight.
    pub connections: usize,
    /// Intended requests per second; none in a closed loop.
    pub rate: Option<u32>,
    /// Duration of the measurement.
    pub seconds: f64,
    /// Requests with the expected response.
    pub requests: u64,
    /// Those per second.
    pub requests_per_second: f64,
    /// Order lines in those requests.
    pub lines: u64,
    /// Those per second.
    pub lines_per_second: f64,
    /// From the intended send time to the response.
    pub latency_ms: Latency,
    /// The same for reads, in the workload `reads`.
    pub read_latency_ms: Option<Latency>,
    /// Expected responses by kind.
    pub answers: BTreeMap<&'static str, u64>,
    /// Unexpected responses and errors, at any time of the run.
    pub unexpected: BTreeMap<String, u64>,
    /// CPU time of the server, microseconds.
    pub server_cpu_us_per_request: Option<f64>,
    /// The same by thread, by the first part of the thread's name.
    pub server_cpu_us_by_thread: BTreeMap<String, f64>,
    /// Peak memory of the server.
    pub server_rss_peak_mib: Option<f64>,
    /// CPU time of this process, microseconds.
    pub generator_cpu_us_per_request: Option<f64>,
    /// The most events that a view was behind.
    pub view_lag_max_events: Option<u64>,
    /// How often views delayed the writer, since the server was started.
    pub held_up_by_views: Option<ViewWaits>,
    /// Cold start: from the start of the process until it listened.
    pub start_ms: Option<f64>,
}

impl Report {
    pub(super) fn of(plan: &Plan, target: &Target, taken: Taken) -> Self {
        let Taken { tally, server_cpu, own_cpu, server_threads } = taken;
        let (requests, time) = (tally.requests(), tally.time());
        let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / float(requests.max(1));
        Self {
            workload: plan.workload.name(),
            order_ids: plan.order_ids.name(),
            skus: plan.skus,
            connections: plan.connections,
            rate: plan.rate,
            seconds: time.as_secs_f64(),
            requests,
            requests_per_second: float(requests) / time.as_secs_f64(),
            lines: tally.lines,
            lines_per_second: float(tally.lines) / time.as_secs_f64(),
            latency_ms: Latency::of(&tally.latency),
            read_latency_ms: (!tally.reads.is_empty()).then(|| Latency::of(&tally.reads)),
            answers: tally.answers,
            unexpected: tally.unexpected,
            server_cpu_us_per_request: server_cpu.map(each),
            server_cpu_us_by_thread: (server_threads.into_iter())
                .map(|(kind, time)| (kind, each(time)))
                .collect(),
            server_rss_peak_mib: target.process.and_then(Process::rss_peak_mib),
            generator_cpu_us_per_request: own_cpu.map(each),
            view_lag_max_events: None,
            held_up_by_views: None,
            start_ms: None,
        }
    }

    /// Whether there were requests, and every response was as expected.
    pub fn is_good(&self) -> bool {
        self.unexpected.is_empty() && self.requests > 0
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}
