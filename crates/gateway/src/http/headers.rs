//! The request headers that the API defines or reads: idempotency key, correlation, entity tags.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use earmark_kernel::Key;

use crate::problem::Problem;

pub(crate) static X_CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Characters of an `Idempotency-Key`, at most.
pub(crate) const KEY_CHARS_MAX: usize = 255;
/// Characters of an `X-Correlation-Id`, at most.
pub(crate) const CORRELATION_CHARS_MAX: usize = 64;

pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    visible(headers, &IDEMPOTENCY_KEY, "Idempotency-Key", KEY_CHARS_MAX)
}

/// What a request belongs to: its `X-Correlation-Id`, otherwise its trace id (W3C Trace Context,
/// which demands that an unreadable header is ignored).
pub(crate) fn correlation(headers: &HeaderMap) -> Result<Option<Key>, Problem> {
    let (name, shown) = (&X_CORRELATION_ID, "X-Correlation-Id");
    if let Some(id) = visible(headers, name, shown, CORRELATION_CHARS_MAX)? {
        return Ok(Some(id.into()));
    }
    let trace = headers.get(&TRACEPARENT).and_then(|it| it.to_str().ok());
    let id = trace.and_then(|it| it.split('-').nth(1));
    let is_id = |it: &&str| it.len() == 32 && it.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(id.filter(is_id).map(Key::from))
}

/// The entity tags of `If-Match`, without quotes. Empty: there is no condition.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Vec<String>, Problem> {
    let mut tags = Vec::new();
    for value in headers.get_all(header::IF_MATCH) {
        if value.as_bytes().trim_ascii() == b"*" {
            return Ok(Vec::new());
        }
        tags.extend(entity_tags(value)?);
    }
    Ok(tags)
}

/// Whether `If-None-Match` contains this tag (given without quotes).
pub(crate) fn if_none_match_contains(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut parts = values.filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(','));
    parts.any(|part| {
        let part = part.trim();
        let strong = part.strip_prefix("W/").unwrap_or(part);
        part == "*" || strong == format!("\"{tag}\"")
    })
}

/// Reads a list of entity tags (RFC 9110, section 8.8.3). A weak tag keeps its `W/` and therefore
/// matches nothing: `If-Match` uses the strong comparison.
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

/// A header of visible ASCII characters, given at most once; `shown` is its name in messages.
pub(crate) fn visible<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
    shown: &str,
    chars_max: usize,
) -> Result<Option<&'h str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().ok();
    let is_visible = |it: &&str| {
        (1..=chars_max).contains(&it.len()) && it.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match text.filter(is_visible) {
        Some(text) if values.next().is_none() => Ok(Some(text)),
        _ => {
            let detail = format!("{shown} must be 1 to {chars_max} visible ASCII characters, once");
            Err(Problem::input(shown, detail))
        }
    }
}
