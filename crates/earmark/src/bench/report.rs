//! What a run of the benchmark tells.

use std::collections::BTreeMap;
use std::time::Duration;

use comfy_table::Table;
use serde::Serialize;

use super::hold_ups::HoldUps;
use super::load::Taken;
use super::process::Process;
use super::tally::Latency;
use super::target::{Plan, Target};
use crate::commands::verify::Checked;
use crate::output::{number, table};

/// A thread that takes less for a request is not shown.
const SHOWN_FROM_US: f64 = 0.05;

/// What a run of the benchmark tells.
#[derive(Debug, Serialize)]
pub struct Report {
    pub workload: &'static str,
    pub order_ids: &'static str,
    pub skus: u32,
    pub connections: usize,
    /// Requests a second that were meant to be sent; none in a closed loop.
    pub rate: Option<u32>,
    pub seconds: f64,
    pub requests: u64,
    pub requests_per_second: f64,
    pub lines: u64,
    pub lines_per_second: f64,
    pub latency_ms: Latency,
    pub read_latency_ms: Option<Latency>,
    pub answers: BTreeMap<&'static str, u64>,
    pub unexpected: BTreeMap<String, u64>,
    pub server_cpu_us_per_request: Option<f64>,
    /// The same by its threads, by what their names begin with.
    pub server_cpu_us_by_thread: BTreeMap<String, f64>,
    pub server_rss_peak_mib: Option<f64>,
    pub generator_cpu_us_per_request: Option<f64>,
    pub view_lag_max_events: Option<u64>,
    /// Since the server was started.
    pub held_up_by_views: Option<HoldUps>,
    /// A cold start: until the server listened.
    pub start_ms: Option<f64>,
    pub verified: Option<Vec<Checked>>,
}

impl Report {
    pub fn of(plan: &Plan, target: &Target, taken: Taken) -> Self {
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
            verified: None,
        }
    }

    /// Whether everything was as it must be.
    pub fn is_good(&self) -> bool {
        self.unexpected.is_empty() && self.requests > 0
    }

    /// For people.
    pub fn table(&self) -> Table {
        let mut rows = vec![
            row("workload", self.workload),
            row("order ids", self.order_ids),
            row("connections", number(self.connections as u64)),
            row("loop", self.rate.map_or("closed".to_owned(), |rate| format!("{rate}/s"))),
            row("requests", number(self.requests)),
            row("requests/s", format!("{:.0}", self.requests_per_second)),
            row("lines/s", format!("{:.0}", self.lines_per_second)),
            row("p50 / p90 / p99 / p99.9 / max ms", shown(&self.latency_ms)),
        ];
        let optional = [
            ("reads: the same", self.read_latency_ms.as_ref().map(shown)),
            ("start ms", self.start_ms.map(one_digit)),
            ("server us a request", self.server_cpu_us_per_request.map(one_digit)),
            ("  by its threads", self.threads()),
            ("generator us a request", self.generator_cpu_us_per_request.map(one_digit)),
            ("server peak MiB", self.server_rss_peak_mib.map(one_digit)),
            ("views behind, most events", self.view_lag_max_events.map(number)),
            ("the writer held up by views", self.held_up_by_views.as_ref().map(HoldUps::shown)),
        ];
        rows.extend(optional.into_iter().filter_map(|(name, value)| Some(row(name, value?))));
        let answers = self.answers.iter().map(|(kind, count)| row(kind, number(*count)));
        rows.extend(answers);
        let wrong = self.unexpected.iter();
        rows.extend(wrong.map(|(told, count)| row(&format!("UNEXPECTED {told}"), number(*count))));
        table(&["", ""], &[1], rows)
    }

    /// What threads have taken that took something, the most first.
    fn threads(&self) -> Option<String> {
        let all = self.server_cpu_us_by_thread.iter();
        let mut threads: Vec<_> = all.filter(|(_, us)| **us >= SHOWN_FROM_US).collect();
        threads.sort_by(|a, b| b.1.total_cmp(a.1));
        let shown: Vec<_> = threads.iter().map(|(kind, us)| format!("{kind} {us:.1}")).collect();
        (!shown.is_empty()).then(|| shown.join(", "))
    }
}

fn row(name: &str, value: impl Into<String>) -> Vec<String> {
    vec![name.to_owned(), value.into()]
}

fn shown(latency: &Latency) -> String {
    let Latency { p50, p90, p99, p99_9, max } = latency;
    format!("{p50:.2} / {p90:.2} / {p99:.2} / {p99_9:.2} / {max:.2}")
}

fn one_digit(value: f64) -> String {
    format!("{value:.1}")
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}
