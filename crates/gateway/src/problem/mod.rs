//! Problems: how a request ends other than well, told as RFC 9457 has it.

pub(crate) mod kinds;
mod refused;

use std::fmt::Display;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use earmark_kernel::Failure;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

pub(crate) use kinds::Kind;

/// The media type of a problem.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";
/// Says that an answer was given before, under the same key.
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
    closes: bool,
    more: Map<String, Value>,
}

/// A problem as it is written.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    /// The same words under the name that the book's clients read.
    message: &'a str,
    /// `none`: nothing was done. `unknown`: ask again with the same key.
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(flatten)]
    more: &'a Map<String, Value>,
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
            closes: false,
            more: Map::new(),
        }))
    }

    /// A field, a parameter or a header that is not as it must be.
    pub(crate) fn input(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(&kinds::INVALID_INPUT, detail).at(field)
    }

    /// A work of ours ended by a panic.
    pub(crate) fn broken(error: &impl Display) -> Self {
        tracing::error!(%error, "a request broke");
        let detail = "the server broke while it served this; ask again with the same key";
        Self::new(&kinds::INTERNAL, detail).unknown()
    }

    /// Names the field at fault.
    pub(crate) fn at(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Another status than the kind has.
    pub(crate) fn status(mut self, status: u16) -> Self {
        self.0.status = status;
        self
    }

    /// A member of its own.
    pub(crate) fn with(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("members are plain data");
        self.0.more.insert(name.to_owned(), value);
        self
    }

    /// Ends the connection: what follows on it cannot be trusted, or will not be read.
    pub(crate) fn closing(mut self) -> Self {
        self.0.closes = true;
        self
    }

    /// The answer was given before.
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

    pub(crate) fn is_of(&self, kind: &Kind) -> bool {
        self.0.kind == kind
    }

    /// Nobody knows whether it was done.
    pub(crate) fn unknown_outcome() -> Self {
        let detail = "it is not known whether this was done; ask again with the same key";
        Self::new(&kinds::UNKNOWN_OUTCOME, detail).unknown().retry_after(1)
    }

    /// Other words than usual.
    pub(crate) fn saying(mut self, detail: &'static str) -> Self {
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

    /// As one line of a bulk answer.
    pub(crate) fn to_json(&self) -> Box<RawValue> {
        to_raw_value(&self.written()).expect("a problem is plain data")
    }

    fn written(&self) -> Written<'_> {
        let told = &self.0;
        Written {
            kind: told.kind.uri(),
            title: told.kind.title,
            status: told.status,
            detail: &told.detail,
            message: &told.detail,
            outcome: if told.is_unknown { "unknown" } else { "none" },
            field: told.field.as_deref(),
            more: &told.more,
        }
    }

    fn body(&self) -> Vec<u8> {
        serde_json::to_vec(&self.written()).expect("a problem is plain data")
    }

    /// As bytes for a socket on which no HTTP is spoken any more.
    pub(crate) fn as_http11(&self) -> Vec<u8> {
        let body = self.body();
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
        let kind = [(header::CONTENT_TYPE, PROBLEM_JSON)];
        let mut answer = (status, kind, self.body()).into_response();
        let headers = answer.headers_mut();
        if let Some(seconds) = self.0.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.0.is_replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        if self.0.closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
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
                let detail = format!("the handler of {command} broke; nothing was done");
                Self::new(&kinds::HANDLER_BROKE, detail)
            }
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
