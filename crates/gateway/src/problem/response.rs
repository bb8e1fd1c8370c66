//! One problem: its kind, its details, and the response made of it.

use std::fmt::Display;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use earmark_kernel::Failure;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::kinds::{self, Kind};

/// The media type of a problem.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";
/// Marks a response that was given before, under the same key.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A request that was not done, and why.
#[derive(Debug)]
pub(crate) struct Problem(Box<Details>);

#[derive(Debug)]
struct Details {
    kind: &'static Kind,
    status: u16,
    detail: String,
    field: Option<String>,
    is_unknown: bool,
    retry_after_s: Option<u32>,
    is_replayed: bool,
    closes_connection: bool,
    extensions: Map<String, Value>,
}

/// The body of a problem.
#[derive(Serialize)]
struct ProblemBody<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    /// The same text, under the name that clients of the compatibility routes read.
    message: &'a str,
    /// `none`: nothing was done. `unknown`: send the request again with the same key.
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(flatten)]
    extensions: &'a Map<String, Value>,
}

impl Problem {
    pub(crate) fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind,
            status: kind.status,
            detail: detail.into(),
            field: None,
            is_unknown: false,
            retry_after_s: None,
            is_replayed: false,
            closes_connection: false,
            extensions: Map::new(),
        }))
    }

    /// A field, parameter or header is invalid.
    pub(crate) fn input(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(&kinds::INVALID_INPUT, detail).at(field)
    }

    /// A handler panicked.
    pub(crate) fn panicked(error: &impl Display) -> Self {
        tracing::error!(%error, "a request panicked");
        let detail = "the server failed on this request; \
            send it again with the same Idempotency-Key";
        Self::new(&kinds::INTERNAL, detail).unknown()
    }

    /// Names the invalid field, parameter or header.
    pub(crate) fn at(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Replaces the status of the kind.
    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.0.status = status;
        self
    }

    /// Adds an extension member.
    pub(crate) fn with(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("members are plain data");
        self.0.extensions.insert(name.to_owned(), value);
        self
    }

    /// Closes the connection: what follows on it cannot be trusted, or is not read.
    pub(crate) fn closing(mut self) -> Self {
        self.0.closes_connection = true;
        self
    }

    /// Marks the response as given before.
    pub(crate) fn replayed(mut self, is_replayed: bool) -> Self {
        self.0.is_replayed = is_replayed;
        self
    }

    pub(crate) fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    pub(crate) fn is_replayed(&self) -> bool {
        self.0.is_replayed
    }

    pub(crate) fn is_kind(&self, kind: &Kind) -> bool {
        self.0.kind == kind
    }

    /// It is not known whether the request was done.
    pub(crate) fn unknown_outcome() -> Self {
        let detail = "it is not known whether the request was done; \
            send it again with the same Idempotency-Key";
        Self::new(&kinds::UNKNOWN_OUTCOME, detail).unknown().retry_after(1)
    }

    /// Replaces the detail.
    pub(crate) fn with_detail(mut self, detail: &'static str) -> Self {
        self.0.detail = detail.into();
        self
    }

    fn unknown(mut self) -> Self {
        self.0.is_unknown = true;
        self
    }

    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    /// The problem as one result of a bulk response.
    pub(crate) fn to_json(&self) -> Box<RawValue> {
        to_raw_value(&self.to_body()).expect("a problem is plain data")
    }

    fn to_body(&self) -> ProblemBody<'_> {
        let details = &self.0;
        ProblemBody {
            kind: details.kind.uri(),
            title: details.kind.title,
            status: details.status,
            detail: &details.detail,
            message: &details.detail,
            outcome: if details.is_unknown { "unknown" } else { "none" },
            field: details.field.as_deref(),
            extensions: &details.extensions,
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.to_body()).expect("a problem is plain data")
    }

    /// The whole response as bytes, for a socket that hyper does not serve any more.
    pub(crate) fn as_http11(&self) -> Vec<u8> {
        let body = self.to_bytes();
        let status = StatusCode::from_u16(self.0.status).expect("kinds have statuses");
        let reason = status.canonical_reason().unwrap_or_default();
        let head = format!(
            "HTTP/1.1 {} {reason}\r\ncontent-type: {PROBLEM_JSON}\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n",
            status.as_u16(),
            body.len()
        );
        [head.into_bytes(), body].concat()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).expect("kinds have statuses");
        let media_type = [(header::CONTENT_TYPE, PROBLEM_JSON)];
        let mut response = (status, media_type, self.to_bytes()).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.0.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.0.is_replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        if self.0.closes_connection {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let detail = failure.to_string();
        match failure {
            Failure::Busy { retry_after_s } => {
                Self::new(&kinds::BUSY, detail).retry_after(retry_after_s)
            }
            Failure::StorageFull(_) => Self::new(&kinds::STORAGE_FULL, detail).retry_after(10),
            Failure::Storage(_) => {
                tracing::error!(detail, "the storage failed");
                Self::new(&kinds::STORAGE, "the storage could not be read or written")
                    .retry_after(1)
            }
            Failure::Broken { command, .. } => {
                let detail = format!("the handler of {command} failed; nothing was done");
                Self::new(&kinds::HANDLER_BROKE, detail)
            }
            Failure::Conflict(_) => Self::new(&kinds::RESERVATION_BUSY, detail).retry_after(1),
            Failure::KeyReused(_) => {
                let detail = "the Idempotency-Key was used before with another request";
                Self::new(&kinds::KEY_REUSED, detail).at("Idempotency-Key")
            }
            Failure::Stopping => Self::new(&kinds::STOPPING, detail).retry_after(5),
            Failure::NotServed(_) => Self::new(&kinds::NOT_SERVED, detail),
            Failure::Unreadable { .. } => Self::new(&kinds::INVALID_INPUT, detail).at("body"),
        }
    }
}
