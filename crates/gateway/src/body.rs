//! The body of a request, read within its limits of size and time.

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
/// When it is larger, or takes too long, or does not come to its end.
pub(crate) async fn read(
    mut body: Body,
    max: usize,
    settings: &Settings,
    room: &Arc<Semaphore>,
) -> Result<Bytes, Problem> {
    // What says beforehand that it is too large is not read at all.
    if body.size_hint().lower() > max as u64 {
        return Err(too_large(max));
    }
    // Most bodies have come whole, with their header.
    let mut begun = Bytes::new();
    let first = poll_fn(|context| Poll::Ready(Pin::new(&mut body).poll_frame(context)));
    if let Poll::Ready(piece) = first.await {
        let Some(piece) = piece else {
            return Ok(begun);
        };
        begun = piece.map_err(|_| cut_off())?.into_data().unwrap_or_default();
        if begun.len() > max {
            return Err(too_large(max));
        }
        if body.is_end_stream() {
            return Ok(begun);
        }
    }
    let pieces = collect(body, begun, max, settings.body_idle_timeout, room);
    match timeout(settings.body_timeout, Box::pin(pieces)).await {
        Ok(read) => read,
        Err(_) => Err(too_slow()),
    }
}

async fn collect(
    mut body: Body,
    begun: Bytes,
    max: usize,
    idle: Duration,
    room: &Arc<Semaphore>,
) -> Result<Bytes, Problem> {
    let mut bytes = Vec::new();
    // What has arrived takes its part of the room that all bodies have, until this one is whole.
    let mut taken = Vec::new();
    let mut next = begun;
    loop {
        if bytes.len() + next.len() > max {
            return Err(too_large(max));
        }
        let size = u32::try_from(next.len()).map_err(|_| too_large(max))?;
        taken.push(Arc::clone(room).try_acquire_many_owned(size).map_err(|_| no_room())?);
        bytes.extend_from_slice(&next);
        let piece = timeout(idle, body.frame()).await.map_err(|_| too_slow())?;
        let Some(piece) = piece else {
            return Ok(bytes.into());
        };
        next = piece.map_err(|_| cut_off())?.into_data().unwrap_or_default();
    }
}

fn too_large(max: usize) -> Problem {
    let detail = format!("the body may have at most {max} bytes");
    Problem::new(&kinds::BODY_TOO_LARGE, detail).at("body").closing()
}

fn no_room() -> Problem {
    let detail = "too many large bodies arrive at the same time; nothing was begun";
    Problem::new(&kinds::BUSY, detail).retry_after(1).closing()
}

fn too_slow() -> Problem {
    let detail = "the body did not arrive in time";
    Problem::new(&kinds::REQUEST_TIMEOUT, detail).at("body").closing()
}

fn cut_off() -> Problem {
    Problem::input("body", "the body did not come to its end").closing()
}

/// How a body is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    #[default]
    Json,
    /// One JSON value a line.
    Ndjson,
}

/// The form that a request says its body has.
///
/// # Errors
/// When the route does not take it, or it is compressed.
pub(crate) fn form(headers: &HeaderMap, takes_lines: bool) -> Result<Form, Problem> {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    if encodings.any(|it| !it.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(unsupported("Content-Encoding", "the body must not be compressed"));
    }
    let given = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let mut parts = given.unwrap_or_default().split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let mut charsets = parts.filter_map(|part| part.split_once('='));
    let is_other_charset = charsets.any(|(name, value)| {
        let value = value.trim_matches('"');
        name.eq_ignore_ascii_case("charset") && !value.eq_ignore_ascii_case("utf-8")
    });
    let is = |media_type: &str| essence.eq_ignore_ascii_case(media_type) && !is_other_charset;
    if is("application/json") {
        Ok(Form::Json)
    } else if takes_lines && is("application/x-ndjson") {
        Ok(Form::Ndjson)
    } else if takes_lines {
        let both = "the body must be application/json or application/x-ndjson";
        Err(unsupported("Content-Type", both))
    } else {
        Err(unsupported("Content-Type", "the body must be application/json"))
    }
}

fn unsupported(field: &str, detail: &str) -> Problem {
    Problem::new(&kinds::UNSUPPORTED_MEDIA_TYPE, detail).at(field).closing()
}
