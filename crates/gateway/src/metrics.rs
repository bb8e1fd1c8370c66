//! Metrics for Prometheus: requests are measured here, groups and commits in the kernel.

use std::collections::BTreeMap;
use std::sync::{OnceLock, PoisonError, RwLock};

use axum::http::Method;
use axum::response::{IntoResponse, Response};
use earmark_kernel::{Bus, RelayPhase};
use metrics::{Counter, Histogram, Label};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use thiserror::Error;

use crate::problem::Problem;

/// Buckets of durations, in seconds: from an access to memory to a typical client timeout.
const SECONDS: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 30.0,
];
/// Buckets of the number of commands in a group.
const COMMANDS: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1_024.0, 4_096.0, 16_384.0];

/// The recorder of the measurements. All clones share it.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

/// Another recorder of metrics is installed in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("another recorder of metrics is installed in this process: pass it to the gateway")]
pub struct MetricsTaken;

impl Metrics {
    /// The metrics of this process; installed the first time.
    ///
    /// # Errors
    /// When another recorder is installed.
    pub fn install() -> Result<Self, MetricsTaken> {
        static INSTALLED: OnceLock<Result<PrometheusHandle, MetricsTaken>> = OnceLock::new();
        let installed = INSTALLED.get_or_init(|| {
            let seconds = Matcher::Suffix("_seconds".into());
            let commands = Matcher::Suffix("_commands".into());
            let builder = PrometheusBuilder::new()
                .set_buckets_for_metric(seconds, &SECONDS)
                .and_then(|it| it.set_buckets_for_metric(commands, &COMMANDS))
                .expect("the lists of buckets are not empty");
            builder.install_recorder().map_err(|_| MetricsTaken)
        });
        installed.clone().map(Self)
    }

    /// The metrics of a recorder that was installed elsewhere.
    #[must_use]
    pub fn of(handle: PrometheusHandle) -> Self {
        Self(handle)
    }

    /// Aggregates the measurements, which bounds the memory they take.
    pub(crate) fn upkeep(&self) {
        self.0.run_upkeep();
    }

    /// All metrics in the text format of Prometheus.
    pub(crate) fn render(&self, bus: &Bus) -> String {
        for it in bus.status() {
            let labels =
                [("service", it.service.to_owned()), ("partition", it.partition.to_string())];
            metrics::gauge!("earmark_queue_commands", &labels).set(gauge_value(it.queued as u64));
            metrics::gauge!("earmark_log_head", &labels).set(gauge_value(it.head));
            let lag = it.head.saturating_sub(it.applied);
            metrics::gauge!("earmark_view_lag_events", &labels).set(gauge_value(lag));
            let halted = f64::from(u8::from(it.halted.is_some()));
            metrics::gauge!("earmark_writer_halted", &labels).set(halted);
        }
        for it in bus.relays() {
            let labels = [
                ("publisher", it.publisher.to_owned()),
                ("service", it.service.to_owned()),
                ("partition", it.partition.to_string()),
            ];
            metrics::gauge!("earmark_relay_lag_events", &labels).set(gauge_value(it.lag));
            let is_unavailable = matches!(it.phase, RelayPhase::Unavailable | RelayPhase::Blocked);
            metrics::gauge!("earmark_relay_unavailable", &labels)
                .set(f64::from(u8::from(is_unavailable)));
        }
        self.0.run_upkeep();
        self.0.render()
    }
}

/// A gauge is a float; it is exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn gauge_value(number: u64) -> f64 {
    number as f64
}

/// Measures the requests of one route. Metrics are looked up once, not with every request.
pub(crate) struct RouteMeter {
    route: &'static str,
    seconds: Histogram,
    counters: RwLock<BTreeMap<(&'static str, u16), Counter>>,
}

impl RouteMeter {
    /// Measures under the route's path in the table. The metrics must be installed before.
    pub(crate) fn new(route: &'static str) -> Self {
        let seconds = metrics::histogram!("earmark_http_request_seconds", "route" => route);
        Self { route, seconds, counters: RwLock::default() }
    }

    /// Starts the measurement of a request.
    pub(crate) fn start(method: &Method) -> Measurement {
        Measurement { method: known_method(method), watch: Stopwatch::start() }
    }

    /// Records a request that has its response.
    pub(crate) fn stop(&self, measurement: &Measurement, response: &Response) {
        self.seconds.record(measurement.watch.seconds());
        self.count((measurement.method, response.status().as_u16()));
    }

    /// Responds to a request with a problem, and records it.
    pub(crate) fn respond(&self, method: &Method, problem: Problem) -> Response {
        let measurement = Self::start(method);
        let response = problem.into_response();
        self.stop(&measurement, &response);
        response
    }

    fn count(&self, key: (&'static str, u16)) {
        let counters = self.counters.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = counters.get(&key) {
            return counter.increment(1);
        }
        drop(counters);
        let labels =
            [("route", self.route), ("method", key.0)].map(|(name, it)| Label::new(name, it));
        let status = Label::new("status", key.1.to_string());
        let labels: Vec<Label> = labels.into_iter().chain([status]).collect();
        let counter = metrics::counter!("earmark_http_requests_total", labels);
        counter.increment(1);
        let mut counters = self.counters.write().unwrap_or_else(PoisonError::into_inner);
        counters.insert(key, counter);
    }
}

/// A request that has no response yet.
pub(crate) struct Measurement {
    method: &'static str,
    watch: Stopwatch,
}

/// The method as a label; all uncommon methods share one, so that clients cannot create labels.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::PUT => "PUT",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Measures durations for metrics only: no decision depends on it.
struct Stopwatch(std::time::Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "measures for metrics; no decision depends on it"
    )]
    fn start() -> Self {
        Self(std::time::Instant::now())
    }

    fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
