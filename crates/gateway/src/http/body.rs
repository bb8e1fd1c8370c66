//! The body of a request: its media type, and its bytes within limits of size and time.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::problem::{Problem, kinds};
use crate::settings::Settings;

/// Reads a body of at most `max` bytes.
///
/// # Errors
/// When it is larger, arrives too slowly, or is incomplete; or when the bodies that are being
/// received take all of `budget`.
pub(crate) async fn read(
    mut body: Body,
    max: usize,
    settings: &Settings,
    budget: &Arc<Semaphore>,
) -> Result<Bytes, Problem> {
    // A body that declares too large a size is not read at all.
    if body.size_hint().lower() > max as u64 {
        return Err(too_large(max));
    }
    // Most bodies have arrived completely, together with their header.
    let mut start = Bytes::new();
    let first = poll_fn(|context| Poll::Ready(Pin::new(&mut body).poll_frame(context)));
    if let Poll::Ready(frame) = first.await {
        let Some(frame) = frame else {
            return Ok(start);
        };
        start = frame.map_err(|_| incomplete())?.into_data().unwrap_or_default();
        if start.len() > max {
            return Err(too_large(max));
        }
        if body.is_end_stream() {
            return Ok(start);
        }
    }
    let rest = collect(body, start, max, settings.body_idle_timeout, budget);
    match timeout(settings.body_timeout, Box::pin(rest)).await {
        Ok(body) => body,
        Err(_) => Err(too_slow()),
    }
}

async fn collect(
    mut body: Body,
    start: Bytes,
    max: usize,
    idle_timeout: Duration,
    budget: &Arc<Semaphore>,
) -> Result<Bytes, Problem> {
    let mut bytes = Vec::new();
    // The bytes received count against the budget of all bodies until this body is complete.
    let mut permits = Vec::new();
    let mut next = start;
    loop {
        if bytes.len() + next.len() > max {
            return Err(too_large(max));
        }
        let size = u32::try_from(next.len()).map_err(|_| too_large(max))?;
        permits.push(Arc::clone(budget).try_acquire_many_owned(size).map_err(|_| busy())?);
        bytes.extend_from_slice(&next);
        let frame = timeout(idle_timeout, body.frame()).await.map_err(|_| too_slow())?;
        let Some(frame) = frame else {
            return Ok(bytes.into());
        };
        next = frame.map_err(|_| incomplete())?.into_data().unwrap_or_default();
    }
}

fn too_large(max: usize) -> Problem {
    let detail = format!("the body may have at most {max} bytes");
    Problem::new(&kinds::BODY_TOO_LARGE, detail).at("body").closing()
}

fn busy() -> Problem {
    let detail = "too many large bodies are being received; nothing was done";
    Problem::new(&kinds::BUSY, detail).retry_after(1).closing()
}

fn too_slow() -> Problem {
    let detail = "the body did not arrive in time";
    Problem::new(&kinds::REQUEST_TIMEOUT, detail).at("body").closing()
}

fn incomplete() -> Problem {
    Problem::input("body", "the body is incomplete").closing()
}

/// The format of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BodyFormat {
    #[default]
    Json,
    /// One JSON value per line.
    Ndjson,
}

/// The format that a request declares for its body.
///
/// # Errors
/// When the route does not accept it, or the body is compressed.
pub(crate) fn format(headers: &HeaderMap, accepts_ndjson: bool) -> Result<BodyFormat, Problem> {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    if encodings.any(|it| !it.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(unsupported("Content-Encoding", "the body must not be compressed"));
    }
    let value = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let mut parts = value.unwrap_or_default().split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let mut charsets = parts.filter_map(|part| part.split_once('='));
    let is_other_charset = charsets.any(|(name, value)| {
        let value = value.trim_matches('"');
        name.eq_ignore_ascii_case("charset") && !value.eq_ignore_ascii_case("utf-8")
    });
    let is = |media_type: &str| essence.eq_ignore_ascii_case(media_type) && !is_other_charset;
    if is("application/json") {
        Ok(BodyFormat::Json)
    } else if accepts_ndjson && is("application/x-ndjson") {
        Ok(BodyFormat::Ndjson)
    } else if accepts_ndjson {
        let detail = "the body must be application/json or application/x-ndjson";
        Err(unsupported("Content-Type", detail))
    } else {
        Err(unsupported("Content-Type", "the body must be application/json"))
    }
}

fn unsupported(field: &str, detail: &str) -> Problem {
    Problem::new(&kinds::UNSUPPORTED_MEDIA_TYPE, detail).at(field).closing()
}
