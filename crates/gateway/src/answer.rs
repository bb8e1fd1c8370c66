//! Answers: a typed value, its status and its header, and nothing that changes from one time to
//! the next, so that an answer given again has the same bytes.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::problem::Problem;

/// What a route gives back.
pub(crate) type Answered = Result<Response, Problem>;

/// Most answers have at most so many header fields.
const HEADERS: usize = 12;

/// And a body of at most so many bytes.
const BODY_BYTES: usize = 1_024;

/// What stands for itself in a path's segment (RFC 3986, section 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An answer in JSON.
pub(crate) fn json(status: u16, body: &impl Serialize) -> Response {
    let mut written = Vec::with_capacity(BODY_BYTES);
    serde_json::to_writer(&mut written, body).expect("answers are plain data");
    bytes(status, "application/json", written)
}

/// An answer of any media type.
pub(crate) fn bytes(status: u16, media_type: &'static str, body: impl Into<Vec<u8>>) -> Response {
    let mut answer = Response::new(Body::from(body.into()));
    *answer.status_mut() = StatusCode::from_u16(status).expect("routes name real statuses");
    // All that an answer has, at once.
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    *answer.headers_mut() = headers;
    answer
}

/// An answer with a header; what cannot stand in one is left out.
pub(crate) fn with_header(mut answer: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
    answer
}

/// The address of a thing: a fixed start and percent-encoded segments.
pub(crate) fn address(start: &str, segments: &[&str]) -> String {
    let length = segments.iter().map(|it| 1 + it.len()).sum::<usize>();
    let mut address = String::with_capacity(start.len() + length);
    address.push_str(start);
    for segment in segments {
        address.push('/');
        address.extend(utf8_percent_encode(segment, SEGMENT));
    }
    address
}
