//! Entry points of the fuzz targets: each parser of untrusted HTTP input, given arbitrary bytes.
//!
//! A parser either refuses and names a field, or its value survives a round trip through JSON.

use std::fmt::Debug;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use earmark_contracts::allocation::{Allocate, CreateBatch, Hold, Return, Ship};
use earmark_contracts::values::{BatchReference, Day, LineId, OrderId, Sku};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api_request;
use crate::http::headers::{CORRELATION_CHARS_MAX, KEY_CHARS_MAX, entity_tags, visible};
use crate::http::json::{self, Object};
use crate::http::{self, body};
use crate::problem::Problem;
use crate::routes::allocation::{AddBatch, AllocateLine, BatchChange, read_lines};

/// The body of every command.
pub fn body(bytes: &[u8]) {
    round_trip_body::<CreateBatch>(bytes);
    round_trip_body::<Allocate>(bytes);
    round_trip_body::<Hold>(bytes);
    round_trip_body::<Ship>(bytes);
    round_trip_body::<Return>(bytes);
    names_field(json::read::<Object<AddBatch>>(bytes, "").err());
    names_field(json::read::<Object<AllocateLine>>(bytes, "").err());
    names_field(json::read::<Object<BatchChange>>(bytes, "").err());
}

/// Many lines, one JSON value per line.
pub fn lines(bytes: &[u8]) {
    match read_lines(bytes) {
        Ok(lines) => lines.iter().for_each(round_trip),
        Err(problem) => names_field(Some(problem)),
    }
}

/// The query string of a URL.
pub fn query(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match http::query::parse(text) {
        Ok(parameters) => {
            let mut names: Vec<_> = parameters.iter().map(|(name, _)| name).collect();
            names.sort();
            assert!(names.windows(2).all(|two| two[0] != two[1]), "{text:?}");
        }
        Err(problem) => names_field(Some(problem)),
    }
}

/// Values in a path or a query string.
pub fn value(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    round_trip_value::<Sku>(text);
    round_trip_value::<OrderId>(text);
    round_trip_value::<LineId>(text);
    round_trip_value::<BatchReference>(text);
    round_trip_value::<Day>(text);
}

/// The header fields that are parsed: keys, entity tags, the format of the body.
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
        match visible(&headers, &field, name, max) {
            Ok(text) => assert!(text.is_some_and(|it| !it.is_empty() && it.len() <= max)),
            Err(problem) => names_field(Some(problem)),
        }
    }
    for accepts_ndjson in [false, true] {
        names_field(body::format(&headers, accepts_ndjson).err());
    }
    match entity_tags(&value) {
        Ok(tags) => assert!(!tags.is_empty()),
        Err(problem) => names_field(Some(problem)),
    }
}

fn round_trip_body<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) {
    match json::read::<Object<T>>(bytes, "") {
        Ok(value) => round_trip(&value.0),
        Err(problem) => names_field(Some(problem)),
    }
}

fn round_trip_value<T: DeserializeOwned + Serialize + PartialEq + Debug>(text: &str) {
    match api_request::value::<T>("value", text) {
        Ok(value) => round_trip(&value),
        Err(problem) => names_field(Some(problem)),
    }
}

fn round_trip<T: DeserializeOwned + Serialize + PartialEq + Debug>(value: &T) {
    let text = serde_json::to_vec(value).expect("values are plain data");
    let parsed: T = serde_json::from_slice(&text).expect("what was serialized can be parsed");
    assert_eq!(*value, parsed);
}

fn names_field(problem: Option<Problem>) {
    let is_named = |it: Problem| it.field().is_some_and(|field| !field.is_empty());
    assert!(problem.is_none_or(is_named), "the problem names no field");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// A target, with the folder of its seeds.
    type Target = (&'static str, fn(&[u8]));

    #[test]
    fn every_seed_of_the_corpus_passes() {
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
