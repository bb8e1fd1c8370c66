//! The routes of baselines whose lines are on disk before they are answered.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use earmark_contracts::allocation::Allocate;

use crate::constant::{PLACED, json, placed, read_line, read_lines, refused};
use crate::group_commit::GroupCommit;

/// The content of a group until it is written.
pub trait GroupContent: Default + Send + 'static {
    /// The part of a request that is written.
    type Part: Send;

    /// Creates the part from the body of a request and the lines parsed from it.
    fn part(body: Bytes, lines: impl IntoIterator<Item = Allocate>) -> Self::Part;

    /// Adds a part; other requests wait meanwhile.
    fn add(&mut self, part: Self::Part);
}

/// The routes of a benchmark.
pub fn routes<G: GroupContent>(groups: Arc<GroupCommit<G>>) -> Router {
    Router::new()
        .route("/v1/allocations", post(line::<G>))
        .route("/v1/allocations/bulk", post(bulk::<G>))
        .route("/v1/batches", post(async |_: Bytes| json(StatusCode::CREATED, "{}")))
        .with_state(groups)
}

async fn line<G: GroupContent>(State(groups): State<Arc<GroupCommit<G>>>, body: Bytes) -> Response {
    let line = match read_line(&body) {
        Ok(line) => line,
        Err(error) => return refused(&error),
    };
    match append(&groups, G::part(body, [line])).await {
        Ok(()) => json(StatusCode::CREATED, PLACED),
        Err(()) => not_written(),
    }
}

async fn bulk<G: GroupContent>(State(groups): State<Arc<GroupCommit<G>>>, body: Bytes) -> Response {
    let lines = match read_lines(&body) {
        Ok(lines) => lines,
        Err(error) => return refused(&error),
    };
    let count = lines.len();
    match append(&groups, G::part(body, lines)).await {
        Ok(()) => placed(count),
        Err(()) => not_written(),
    }
}

async fn append<G: GroupContent>(groups: &GroupCommit<G>, part: G::Part) -> Result<(), ()> {
    groups.append(|content| content.add(part)).await
}

fn not_written() -> Response {
    json(StatusCode::SERVICE_UNAVAILABLE, "the line could not be written")
}
