//! The state of the server: alive, ready, and in metrics.

use axum::response::Response;
use earmark_kernel::{PartitionStatus, RelayPhase, RelayStatus};
use schemars::JsonSchema;
use serde::Serialize;

use super::table::RouteTable;
use crate::api_request::ApiRequest;
use crate::http::{HttpResult, response};
use crate::openapi::Operation;
use crate::problem::{Problem, kinds};

/// The state of the server.
#[derive(JsonSchema, Serialize)]
struct Health {
    /// Always `ok`.
    status: &'static str,
    /// The version of the program.
    version: &'static str,
    /// The partitions of its services.
    services: Vec<PartitionHealth>,
    /// The publishers of its events. A publisher that is unavailable does not make the server
    /// unready: events wait for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    publishers: Vec<PublisherHealth>,
}

/// The state of the publisher of a partition's events.
#[derive(JsonSchema, Serialize)]
struct PublisherHealth {
    /// The publisher.
    publisher: &'static str,
    /// The service.
    service: &'static str,
    /// The partition, counted from 0.
    partition: usize,
    /// `starting`, `publishing`, `unavailable`, `blocked`, `elsewhere` or `stopped`.
    #[schemars(with = "String")]
    state: RelayPhase,
    /// Events of the log that it has not processed.
    lag_events: u64,
    /// Why it is unavailable or blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl From<RelayStatus> for PublisherHealth {
    fn from(status: RelayStatus) -> Self {
        Self {
            publisher: status.publisher,
            service: status.service,
            partition: status.partition,
            state: status.phase,
            lag_events: status.lag,
            why: status.why,
        }
    }
}

/// The state of a partition of a service.
#[derive(JsonSchema, Serialize)]
struct PartitionHealth {
    /// The service.
    service: &'static str,
    /// The partition, counted from 0.
    partition: usize,
    /// Commands that wait for the writer.
    queue_commands: usize,
    /// Events that its views have not applied.
    view_lag_events: u64,
}

impl From<PartitionStatus> for PartitionHealth {
    fn from(status: PartitionStatus) -> Self {
        Self {
            service: status.service,
            partition: status.partition,
            queue_commands: status.queued,
            view_lag_events: status.head.saturating_sub(status.applied),
        }
    }
}

pub(crate) fn add(table: RouteTable) -> RouteTable {
    let alive = Operation::get("/healthz", "healthz", "Check that the server is alive")
        .description("Reports the state of every partition and publisher. It needs no key.")
        .responds::<Health>(200, "The server is alive.");
    let ready = Operation::get("/readyz", "readyz", "Check that the server is ready")
        .description(
            "The server is ready if all its writers accept commands and its views are up to date. \
             It needs no key.",
        )
        .responds::<Health>(200, "The server is ready.")
        .problems(&[&kinds::NOT_READY]);
    let metrics = Operation::get("/metrics", "metrics", "Get the metrics")
        .description("Requests, queues, commits and lags, for Prometheus.")
        .responds_as(200, "The metrics, in the text format of Prometheus.", &["text/plain"], None);
    table
        .group("Server")
        .route(alive, |request| async move { Ok(healthy(&request)) })
        .route(ready, check_ready)
        .route(metrics, |request: ApiRequest| async move {
            let metrics = request.app.metrics.render(&request.app.bus);
            Ok(response::from_bytes(200, "text/plain; version=0.0.4; charset=utf-8", metrics))
        })
}

fn healthy(request: &ApiRequest) -> Response {
    let partitions = request.app.bus.status();
    let health = Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        services: partitions.into_iter().map(PartitionHealth::from).collect(),
        publishers: request.app.bus.relays().into_iter().map(PublisherHealth::from).collect(),
    };
    response::json(200, &health)
}

async fn check_ready(request: ApiRequest) -> HttpResult {
    let lag_max = request.app.settings.view_lag_max;
    for it in request.app.bus.status() {
        let (service, partition) = (it.service, it.partition);
        let lag = it.head.saturating_sub(it.applied);
        let why = match it.halted {
            Some(why) => format!("the writer of {service}/{partition} has stopped: {why}"),
            None if lag > lag_max => {
                format!("the views of {service}/{partition} lag by {lag} events")
            }
            None => continue,
        };
        return Err(Problem::new(&kinds::NOT_READY, why));
    }
    Ok(healthy(&request))
}
