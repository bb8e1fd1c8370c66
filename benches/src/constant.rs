//! The baseline `constant`: the gateway's connections, the body parsed, and always the same
//! response.

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use earmark_contracts::allocation::Allocate;

/// The response of the server to a line that it has placed.
pub const PLACED: &str = concat!(
    r#"{"outcome":"placed","order_id":"0123456789abcdef","line_id":"S00000000","#,
    r#""sku":"S00000000","quantity":1,"state":"placed","batch":"bench-S00000000","#,
    r#""promised":"2026-01-01","need_by":null,"priority":5,"shipped_quantity":0,"#,
    r#""returned_quantity":0,"held_until_ms":null,"explanation":{"chosen":"bench-S00000000","#,
    r#""because":"the first batch in the warehouse that takes the whole line","#,
    r#""passed_over":[],"exhausted":0}}"#,
);

/// The routes of a benchmark.
pub fn routes() -> Router {
    Router::new()
        .route("/v1/allocations", post(async |body: Bytes| line(&body)))
        .route("/v1/allocations/bulk", post(async |body: Bytes| bulk(&body)))
        .route("/v1/batches", post(async |_: Bytes| json(StatusCode::CREATED, "{}")))
}

fn line(body: &Bytes) -> Response {
    match read_line(body) {
        Ok(_) => json(StatusCode::CREATED, PLACED),
        Err(error) => refused(&error),
    }
}

fn bulk(body: &Bytes) -> Response {
    match read_lines(body) {
        Ok(lines) => placed(lines.len()),
        Err(error) => refused(&error),
    }
}

/// Parses a line with serde.
pub fn read_line(body: &Bytes) -> serde_json::Result<Allocate> {
    serde_json::from_slice(body)
}

/// Parses many lines.
pub fn read_lines(body: &Bytes) -> serde_json::Result<Vec<Allocate>> {
    serde_json::from_slice(body)
}

/// The response to many lines.
pub fn placed(lines: usize) -> Response {
    let mut body = String::with_capacity(lines * (PLACED.len() + 1) + 2);
    body.push('[');
    for line in 0..lines {
        body.push_str(if line > 0 { "," } else { "" });
        body.push_str(PLACED);
    }
    body.push(']');
    json(StatusCode::OK, body)
}

pub fn json(status: StatusCode, body: impl IntoResponse) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// The response to a body that cannot be parsed.
pub fn refused(error: &serde_json::Error) -> Response {
    json(StatusCode::BAD_REQUEST, error.to_string())
}
