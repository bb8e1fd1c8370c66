//! How the server is: alive, ready, and in figures.

use earmark_kernel::{PartitionStatus, RelayPhase, RelayStatus};
use schemars::JsonSchema;
use serde::Serialize;

use super::Routes;
use crate::answer::{self, Answered};
use crate::api_request::ApiRequest;
use crate::openapi::Operation;
use crate::problem::{Problem, kinds};

/// The server is there.
#[derive(JsonSchema, Serialize)]
struct Alive {
    /// Always `ok`.
    status: &'static str,
    /// The version of the program.
    version: &'static str,
    /// The partitions of its services.
    services: Vec<PartitionAlive>,
    /// What carries events out. A publisher that is unavailable does not make the server less ready: events
    /// wait for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    publishers: Vec<PublisherHealth>,
}

/// What carries the events of a partition out.
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
    /// Events of the log that it has not looked at.
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

/// A partition of a service.
#[derive(JsonSchema, Serialize)]
struct PartitionAlive {
    /// The service.
    service: &'static str,
    /// The partition, counted from 0.
    partition: usize,
    /// Commands that wait.
    queue_commands: usize,
    /// Events that its views have not seen yet.
    view_lag_events: u64,
}

impl From<PartitionStatus> for PartitionAlive {
    fn from(status: PartitionStatus) -> Self {
        Self {
            service: status.service,
            partition: status.partition,
            queue_commands: status.queued,
            view_lag_events: status.head.saturating_sub(status.applied),
        }
    }
}

pub(crate) fn draw(routes: Routes) -> Routes {
    let alive = Operation::get("/healthz", "healthz", "Is the server alive?")
        .responds::<Alive>(200, "It is.");
    let ready = Operation::get("/readyz", "readyz", "Is the server ready?")
        .responds::<Alive>(200, "Its writers write, and its views are within reach.")
        .problems(&[&kinds::NOT_READY]);
    let metrics = Operation::get("/metrics", "metrics", "Figures for Prometheus").tells_as(
        200,
        "The text format of Prometheus.",
        &["text/plain"],
        None,
    );
    routes
        .group("Server")
        .line(alive, |request| async move { Ok(healthy(&request)) })
        .line(ready, is_ready)
        .line(metrics, |request: ApiRequest| async move {
            let figures = request.app.metrics.render(&request.app.bus);
            Ok(answer::bytes(200, "text/plain; version=0.0.4; charset=utf-8", figures))
        })
}

fn healthy(request: &ApiRequest) -> axum::response::Response {
    let partitions = request.app.bus.status();
    let alive = Alive {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        services: partitions.into_iter().map(PartitionAlive::from).collect(),
        publishers: request.app.bus.relays().into_iter().map(PublisherHealth::from).collect(),
    };
    answer::json(200, &alive)
}

async fn is_ready(request: ApiRequest) -> Answered {
    let lag_max = request.app.settings.view_lag_max;
    for it in request.app.bus.status() {
        let (service, partition) = (it.service, it.partition);
        let lag = it.head.saturating_sub(it.applied);
        let why = match it.halted {
            Some(why) => format!("{service}/{partition} writes nothing more: {why}"),
            None if lag > lag_max => {
                format!("the views of {service}/{partition} lag by {lag} events")
            }
            None => continue,
        };
        return Err(Problem::new(&kinds::NOT_READY, why));
    }
    Ok(healthy(&request))
}
