//! The baseline `bare-file`: as `constant`, but each line is on the disk before it is answered.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;

use crate::constant::{PLACED, json, placed, read_line, read_lines, refused};
use crate::group_file::GroupFile;

/// The routes that a benchmark asks.
pub fn routes(file: Arc<GroupFile>) -> Router {
    Router::new()
        .route("/v1/allocations", post(line))
        .route("/v1/allocations/bulk", post(bulk))
        .route("/v1/batches", post(async |_: Bytes| json(StatusCode::CREATED, "{}")))
        .with_state(file)
}

async fn line(State(file): State<Arc<GroupFile>>, body: Bytes) -> Response {
    if let Err(error) = read_line(&body) {
        return refused(&error);
    }
    match file.append(&body).await {
        Ok(()) => json(StatusCode::CREATED, PLACED),
        Err(()) => not_kept(),
    }
}

async fn bulk(State(file): State<Arc<GroupFile>>, body: Bytes) -> Response {
    let lines = match read_lines(&body) {
        Ok(lines) => lines.len(),
        Err(error) => return refused(&error),
    };
    match file.append(&body).await {
        Ok(()) => placed(lines),
        Err(()) => not_kept(),
    }
}

fn not_kept() -> Response {
    json(StatusCode::SERVICE_UNAVAILABLE, "the file could not be written")
}
