//! What is measured, for Prometheus: requests here, groups and commits in the kernel.

use std::sync::OnceLock;

use earmark_kernel::Bus;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use thiserror::Error;

/// Seconds, from what memory takes to what a client gives up at.
const SECONDS: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 30.0,
];
/// Commands of a group.
const COMMANDS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1_024.0, 4_096.0, 16_384.0];

/// Where measurements are kept. All clones are the same place.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

/// A recorder is installed in this process that is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("another recorder of metrics is installed in this process: hand its metrics in")]
pub struct MetricsTaken;

impl Metrics {
    /// The metrics of this process; installed the first time.
    ///
    /// # Errors
    /// When somebody else has installed a recorder.
    pub fn install() -> Result<Self, MetricsTaken> {
        static INSTALLED: OnceLock<Result<PrometheusHandle, MetricsTaken>> = OnceLock::new();
        let installed = INSTALLED.get_or_init(|| {
            let seconds = Matcher::Suffix("_seconds".into());
            let commands = Matcher::Suffix("_commands".into());
            let builder = PrometheusBuilder::new()
                .set_buckets_for_metric(seconds, &SECONDS)
                .and_then(|it| it.set_buckets_for_metric(commands, &COMMANDS))
                .expect("there are buckets");
            builder.install_recorder().map_err(|_| MetricsTaken)
        });
        installed.clone().map(Self)
    }

    /// The metrics of a recorder that was installed elsewhere.
    #[must_use]
    pub fn of(handle: PrometheusHandle) -> Self {
        Self(handle)
    }

    /// Puts together what was measured, so that it takes no more and more memory.
    pub(crate) fn upkeep(&self) {
        self.0.run_upkeep();
    }

    /// Everything measured, in the text format of Prometheus.
    pub(crate) fn render(&self, bus: &Bus) -> String {
        for it in bus.status() {
            let labels =
                [("service", it.service.to_owned()), ("partition", it.partition.to_string())];
            metrics::gauge!("earmark_queue_commands", &labels).set(figure(it.queued as u64));
            metrics::gauge!("earmark_log_head", &labels).set(figure(it.head));
            let lag = it.head.saturating_sub(it.applied);
            metrics::gauge!("earmark_view_lag_events", &labels).set(figure(lag));
            let halted = f64::from(u8::from(it.halted.is_some()));
            metrics::gauge!("earmark_writer_halted", &labels).set(halted);
        }
        self.0.run_upkeep();
        self.0.render()
    }
}

/// A gauge holds a float; beyond 2^53 it is not exact, and nobody looks that closely.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn figure(number: u64) -> f64 {
    number as f64
}

/// Counts a request that was answered.
pub(crate) fn request(route: &'static str, method: &'static str, status: u16, seconds: f64) {
    let labels = [
        ("route", route.to_owned()),
        ("method", method.to_owned()),
        ("status", status.to_string()),
    ];
    metrics::counter!("earmark_http_requests_total", &labels).increment(1);
    metrics::histogram!("earmark_http_request_seconds", "route" => route).record(seconds);
}

/// Measures how long something takes, for metrics only: no decision rests on it.
pub(crate) struct Stopwatch(std::time::Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "measures for metrics, decides nothing")]
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
