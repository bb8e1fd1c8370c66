//! What baselines have in common whose lines are on the disk before they are answered.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use earmark_contracts::allocation::Allocate;

use crate::constant::{PLACED, json, placed, read_line, read_lines, refused};
use crate::groups::Groups;

/// What is gathered of requests until it is written.
pub trait Gather: Default + Send + 'static {
    /// What of a request is to be written.
    type Wanted: Send;

    /// Takes it from the body of a request and the lines that were read from it.
    fn wanted(body: Bytes, lines: impl IntoIterator<Item = Allocate>) -> Self::Wanted;

    /// Adds it; everybody else waits meanwhile.
    fn add(&mut self, wanted: Self::Wanted);
}

/// The routes that a benchmark asks.
pub fn routes<G: Gather>(groups: Arc<Groups<G>>) -> Router {
    Router::new()
        .route("/v1/allocations", post(line::<G>))
        .route("/v1/allocations/bulk", post(bulk::<G>))
        .route("/v1/batches", post(async |_: Bytes| json(StatusCode::CREATED, "{}")))
        .with_state(groups)
}

async fn line<G: Gather>(State(groups): State<Arc<Groups<G>>>, body: Bytes) -> Response {
    let line = match read_line(&body) {
        Ok(line) => line,
        Err(error) => return refused(&error),
    };
    match append(&groups, G::wanted(body, [line])).await {
        Ok(()) => json(StatusCode::CREATED, PLACED),
        Err(()) => not_kept(),
    }
}

async fn bulk<G: Gather>(State(groups): State<Arc<Groups<G>>>, body: Bytes) -> Response {
    let lines = match read_lines(&body) {
        Ok(lines) => lines,
        Err(error) => return refused(&error),
    };
    let count = lines.len();
    match append(&groups, G::wanted(body, lines)).await {
        Ok(()) => placed(count),
        Err(()) => not_kept(),
    }
}

async fn append<G: Gather>(groups: &Groups<G>, wanted: G::Wanted) -> Result<(), ()> {
    groups.append(|gathered| gathered.add(wanted)).await
}

fn not_kept() -> Response {
    json(StatusCode::SERVICE_UNAVAILABLE, "it could not be written")
}
