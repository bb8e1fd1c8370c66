//! What is measured, for Prometheus: requests here, groups and commits in the kernel.

use std::collections::BTreeMap;
use std::sync::{OnceLock, PoisonError, RwLock};

use axum::http::Method;
use axum::response::{IntoResponse, Response};
use earmark_kernel::{Bus, RelayPhase};
use metrics::{Counter, Histogram, Label};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use thiserror::Error;

use crate::problem::Problem;

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
        for it in bus.relays() {
            let labels = [
                ("publisher", it.publisher.to_owned()),
                ("service", it.service.to_owned()),
                ("partition", it.partition.to_string()),
            ];
            metrics::gauge!("earmark_relay_lag_events", &labels).set(figure(it.lag));
            let is_unavailable = matches!(it.phase, RelayPhase::Unavailable | RelayPhase::Blocked);
            metrics::gauge!("earmark_relay_unavailable", &labels)
                .set(f64::from(u8::from(is_unavailable)));
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

/// Measures the requests of one route. What is measured often is looked up once.
pub(crate) struct RouteMeter {
    route: &'static str,
    seconds: Histogram,
    answered: RwLock<BTreeMap<(&'static str, u16), Counter>>,
}

impl RouteMeter {
    /// Measures under the route's address in the table; the metrics are installed before.
    pub(crate) fn of(route: &'static str) -> Self {
        let seconds = metrics::histogram!("earmark_http_request_seconds", "route" => route);
        Self { route, seconds, answered: RwLock::default() }
    }

    /// A request begins.
    pub(crate) fn start(method: &Method) -> Measuring {
        Measuring { method: known_method(method), watch: Stopwatch::start() }
    }

    /// It is answered, with this.
    pub(crate) fn stop(&self, measuring: &Measuring, answer: &Response) {
        self.seconds.record(measuring.watch.seconds());
        self.count((measuring.method, answer.status().as_u16()));
    }

    /// Answers a request at once.
    pub(crate) fn answer(&self, method: &Method, problem: Problem) -> Response {
        let measuring = Self::start(method);
        let answer = problem.into_response();
        self.stop(&measuring, &answer);
        answer
    }

    fn count(&self, what: (&'static str, u16)) {
        let answered = self.answered.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = answered.get(&what) {
            return counter.increment(1);
        }
        drop(answered);
        let labels =
            [("route", self.route), ("method", what.0)].map(|(name, it)| Label::new(name, it));
        let status = Label::new("status", what.1.to_string());
        let labels: Vec<Label> = labels.into_iter().chain([status]).collect();
        let counter = metrics::counter!("earmark_http_requests_total", labels);
        counter.increment(1);
        let mut answered = self.answered.write().unwrap_or_else(PoisonError::into_inner);
        answered.insert(what, counter);
    }
}

/// A request that is not answered yet.
pub(crate) struct Measuring {
    method: &'static str,
    watch: Stopwatch,
}

/// Methods that metrics tell apart; whatever else a client thinks of is one.
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

/// Measures how long something takes, for metrics only: no decision rests on it.
struct Stopwatch(std::time::Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "measures for metrics, decides nothing")]
    fn start() -> Self {
        Self(std::time::Instant::now())
    }

    fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
