//! What fuzz targets call: each reader of what comes in over HTTP, given bytes of anybody's.
//!
//! A reader refuses with a field's name, or its value is the same when written and read again.

use std::fmt::Debug;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use earmark_contracts::allocation::{Allocate, CreateBatch, Hold, Return, Ship};
use earmark_contracts::values::{BatchReference, Day, LineId, OrderId, Sku};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api_request::{self, CORRELATION_CHARS_MAX, KEY_CHARS_MAX};
use crate::body;
use crate::json::{self, Object};
use crate::problem::Problem;
use crate::{query, routes};

/// The body of every command.
pub fn body(bytes: &[u8]) {
    again::<CreateBatch>(bytes);
    again::<Allocate>(bytes);
    again::<Hold>(bytes);
    again::<Ship>(bytes);
    again::<Return>(bytes);
    routes::allocation::read_all(bytes).into_iter().for_each(|problem| is_told(&problem));
}

/// Many lines, one JSON value each.
pub fn lines(bytes: &[u8]) {
    match routes::allocation::bulk::read_lines(bytes) {
        Ok(lines) => lines.iter().for_each(same),
        Err(problem) => is_told(&problem),
    }
}

/// The query of an address.
pub fn query(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match query::parse(text) {
        Ok(read) => {
            let mut names: Vec<_> = read.iter().map(|(name, _)| name).collect();
            names.sort();
            assert!(names.windows(2).all(|two| two[0] != two[1]), "{text:?}");
        }
        Err(problem) => is_told(&problem),
    }
}

/// Values that stand in a path or a query.
pub fn value(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    written::<Sku>(text);
    written::<OrderId>(text);
    written::<LineId>(text);
    written::<BatchReference>(text);
    written::<Day>(text);
}

/// Header fields that are read: keys, entity tags, the form of the body.
pub fn headers(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let names = [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::IF_MATCH];
    let mut headers: HeaderMap = names.into_iter().map(|name| (name, value.clone())).collect();
    for (name, max) in
        [("idempotency-key", KEY_CHARS_MAX), ("x-correlation-id", CORRELATION_CHARS_MAX)]
    {
        let field = HeaderName::from_static(name);
        headers.insert(&field, value.clone());
        match api_request::visible(&headers, &field, name, max) {
            Ok(text) => assert!(text.is_some_and(|it| !it.is_empty() && it.len() <= max)),
            Err(problem) => is_told(&problem),
        }
    }
    for takes_lines in [false, true] {
        if let Err(problem) = body::form(&headers, takes_lines) {
            is_told(&problem);
        }
    }
    match api_request::entity_tags(&value) {
        Ok(tags) => assert!(!tags.is_empty()),
        Err(problem) => is_told(&problem),
    }
}

fn again<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) {
    match json::read::<Object<T>>(bytes, "") {
        Ok(value) => same(&value.0),
        Err(problem) => is_told(&problem),
    }
}

fn written<T: DeserializeOwned + Serialize + PartialEq + Debug>(text: &str) {
    match api_request::value::<T>("value", text) {
        Ok(value) => same(&value),
        Err(problem) => is_told(&problem),
    }
}

fn same<T: DeserializeOwned + Serialize + PartialEq + Debug>(value: &T) {
    let text = serde_json::to_vec(value).expect("values are plain data");
    let read: T = serde_json::from_slice(&text).expect("what was written is read");
    assert_eq!(*value, read);
}

fn is_told(problem: &Problem) {
    assert!(problem.field().is_some_and(|field| !field.is_empty()), "no field is named");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// A reader, with the folder of its seeds.
    type Target = (&'static str, fn(&[u8]));

    #[test]
    fn the_corpus_is_read_or_refused() {
        let targets: [Target; 5] = [
            ("body", super::body),
            ("lines", super::lines),
            ("query", super::query),
            ("value", super::value),
            ("headers", super::headers),
        ];
        for (name, target) in targets {
            let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
            let seeds: Vec<_> = std::fs::read_dir(corpus.join(name)).unwrap().collect();
            assert!(seeds.len() > 5, "{name}");
            for seed in seeds {
                target(&std::fs::read(seed.unwrap().path()).unwrap());
            }
        }
    }
}
