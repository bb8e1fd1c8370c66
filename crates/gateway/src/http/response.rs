//! Responses: a typed value, its status and its headers, and nothing that varies from one time to
//! the next, so that a replayed response has the same bytes.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::problem::{Problem, REPLAYED};

/// What a route returns.
pub(crate) type HttpResult = Result<Response, Problem>;

/// Header fields of most responses, at most.
const HEADERS: usize = 12;

/// Bytes of the body of most responses, at most.
const BODY_BYTES: usize = 1_024;

/// Characters that need an escape in a path segment (RFC 3986, section 2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A response in JSON.
pub(crate) fn json(status: u16, body: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(BODY_BYTES);
    serde_json::to_writer(&mut bytes, body).expect("responses are plain data");
    from_bytes(status, "application/json", bytes)
}

/// A response of any media type.
pub(crate) fn from_bytes(
    status: u16,
    media_type: &'static str,
    body: impl Into<Vec<u8>>,
) -> Response {
    let mut response = Response::new(Body::from(body.into()));
    *response.status_mut() = StatusCode::from_u16(status).expect("routes use valid statuses");
    // Allocated once, for all headers of the response.
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    *response.headers_mut() = headers;
    response
}

/// Adds a header; a value that is not valid in a header is left out.
pub(crate) fn with_header(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Marks a response that was given before, under the same idempotency key.
pub(crate) fn mark_replayed(mut response: Response, is_replayed: bool) -> Response {
    if is_replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// The path of a resource: a fixed prefix and percent-encoded segments.
pub(crate) fn path(prefix: &str, segments: &[&str]) -> String {
    let length = segments.iter().map(|it| 1 + it.len()).sum::<usize>();
    let mut path = String::with_capacity(prefix.len() + length);
    path.push_str(prefix);
    for segment in segments {
        path.push('/');
        path.extend(utf8_percent_encode(segment, SEGMENT));
    }
    path
}
