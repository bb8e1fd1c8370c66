//! A request as the routes see it: parameters and body, each read strictly.

use std::ops::RangeInclusive;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use earmark_kernel::{Idempotency, Key, Meta, Query};
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

use crate::app::App;
use crate::body::Form;
use crate::json::{self, Object};
use crate::problem::Problem;

pub(crate) static X_CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The most characters of an `Idempotency-Key`.
pub(crate) const KEY_CHARS_MAX: usize = 255;
/// The most characters of an `X-Correlation-Id`.
pub(crate) const CORRELATION_CHARS_MAX: usize = 64;

/// A request, read.
pub(crate) struct ApiRequest {
    pub(crate) app: Arc<App>,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) path: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
    /// What this request belongs to.
    pub(crate) correlation: Option<Key>,
    pub(crate) headers: HeaderMap,
    pub(crate) form: Form,
    pub(crate) body: Bytes,
}

impl ApiRequest {
    /// Asks what may take long to tell, on a thread that may block.
    pub(crate) async fn recount<Q: Query>(&self, query: Q) -> Result<Q::Answer, Problem> {
        let bus = self.app.bus.clone();
        let told = self.app.tasks.block(move || bus.ask(query));
        Ok(told.await.map_err(|broken| Problem::broken(&broken))??)
    }

    /// A parameter of the path.
    pub(crate) fn path<T: DeserializeOwned>(&self, name: &str) -> Result<T, Problem> {
        let given = self.path.iter().find(|(known, _)| known == name);
        let (_, text) = given.expect("the route has this parameter");
        value(name, text)
    }

    /// A parameter of the query that may be left out.
    pub(crate) fn query<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Problem> {
        self.raw(name).map(|text| value(name, text)).transpose()
    }

    /// A parameter of the query as it was given.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        let given = self.query.iter().find(|(known, _)| known == name);
        given.map(|(_, text)| text.as_str())
    }

    /// A number in the query.
    pub(crate) fn number(
        &self,
        name: &str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Result<u64, Problem> {
        let Some(text) = self.raw(name) else {
            return Ok(default);
        };
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|it| is_plain && range.contains(it));
        number.ok_or_else(|| {
            let (from, to) = (range.start(), range.end());
            Problem::input(name, format!("{name} must be a whole number from {from} to {to}"))
        })
    }

    /// A yes or no in the query.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.raw(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::input(name, format!("{name} must be true or false"))),
        }
    }

    /// The body as one JSON object.
    pub(crate) fn object<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        json::read::<Object<T>>(&self.body, "").map(|object| object.0)
    }

    /// The body as one JSON object; an empty body is an empty object.
    pub(crate) fn object_or_nothing<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let body: &[u8] = if self.body.is_empty() { b"{}" } else { &self.body };
        json::read::<Object<T>>(body, "").map(|object| object.0)
    }

    /// What is to be said about the command that this request is.
    pub(crate) fn meta(&self) -> Result<Meta, Problem> {
        Ok(Meta {
            correlation: self.correlation.clone(),
            idempotency: self.idempotency()?,
            dry_run: self.flag("dry_run")?,
            ..Meta::default()
        })
    }

    fn idempotency(&self) -> Result<Option<Idempotency>, Problem> {
        let (name, told) = (&IDEMPOTENCY_KEY, "Idempotency-Key");
        let Some(key) = visible(&self.headers, name, told, KEY_CHARS_MAX)? else {
            return Ok(None);
        };
        let target = self.uri.path_and_query().map_or("", |it| it.as_str());
        let head = format!("{} {target}\n", self.method);
        let request = [head.as_bytes(), &self.body].concat();
        Ok(Some(Idempotency::of(key, &request)))
    }

    /// The entity tags of `If-Match`, without quotes; empty: nothing is demanded.
    pub(crate) fn if_match(&self) -> Result<Vec<String>, Problem> {
        let mut tags = Vec::new();
        for value in self.headers.get_all(header::IF_MATCH) {
            if value.as_bytes().trim_ascii() == b"*" {
                return Ok(Vec::new());
            }
            tags.extend(entity_tags(value)?);
        }
        Ok(tags)
    }

    /// Whether `If-None-Match` names this tag (without quotes).
    pub(crate) fn has_already(&self, tag: &str) -> bool {
        let given = self.headers.get_all(header::IF_NONE_MATCH).iter();
        let mut parts = given.filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(','));
        parts.any(|part| {
            let part = part.trim();
            let strong = part.strip_prefix("W/").unwrap_or(part);
            part == "*" || strong == format!("\"{tag}\"")
        })
    }
}

/// Reads a list of entity tags (RFC 9110, section 8.8.3). A weak one keeps its mark, and so is
/// never that of anything: `If-Match` compares strongly.
pub(crate) fn entity_tags(value: &HeaderValue) -> Result<Vec<String>, Problem> {
    let bad = || Problem::input("If-Match", "If-Match must be * or entity tags like \"b1\"");
    let mut rest = value.to_str().map_err(|_| bad())?.trim();
    let mut tags = Vec::new();
    loop {
        let (mark, quoted) = match rest.strip_prefix("W/") {
            Some(quoted) => ("W/", quoted),
            None => ("", rest),
        };
        let (tag, after) =
            quoted.strip_prefix('"').and_then(|it| it.split_once('"')).ok_or_else(bad)?;
        tags.push(format!("{mark}{tag}"));
        rest = after.trim_start();
        if rest.is_empty() {
            return Ok(tags);
        }
        rest = rest.strip_prefix(',').ok_or_else(bad)?.trim_start();
    }
}

/// What a request belongs to: as the caller names it, or as its trace does (W3C Trace Context; one
/// that cannot be read is left out, as it demands).
pub(crate) fn correlation(headers: &HeaderMap) -> Result<Option<Key>, Problem> {
    let (name, told) = (&X_CORRELATION_ID, "X-Correlation-Id");
    if let Some(named) = visible(headers, name, told, CORRELATION_CHARS_MAX)? {
        return Ok(Some(named.into()));
    }
    let trace = headers.get(&TRACEPARENT).and_then(|it| it.to_str().ok());
    let id = trace.and_then(|it| it.split('-').nth(1));
    let is_id = |it: &&str| it.len() == 32 && it.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(id.filter(is_id).map(Key::from))
}

/// A header of visible ASCII characters, given at most once; `told` is its name as we write it.
pub(crate) fn visible<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
    told: &str,
    chars_max: usize,
) -> Result<Option<&'h str>, Problem> {
    let mut given = headers.get_all(name).iter();
    let Some(value) = given.next() else {
        return Ok(None);
    };
    let text = value.to_str().ok();
    let is_visible = |it: &&str| {
        (1..=chars_max).contains(&it.len()) && it.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match text.filter(is_visible) {
        Some(text) if given.next().is_none() => Ok(Some(text)),
        _ => {
            let detail = format!("{told} must be 1 to {chars_max} visible ASCII characters, once");
            Err(Problem::input(told, detail))
        }
    }
}

pub(crate) fn value<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, Problem> {
    let text: StrDeserializer<'_, ValueError> = text.into_deserializer();
    T::deserialize(text).map_err(|error| Problem::input(name, format!("{name}: {error}")))
}
