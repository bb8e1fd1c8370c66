//! Strict JSON: objects are objects, each field is known and given once, and an error names the
//! path of the field.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;
use serde_path_to_error::Track;

use crate::problem::{Problem, kinds};

/// A value that must be a JSON object: serde would also accept an array for a struct.
#[derive(Clone, Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// Reads a whole body.
///
/// # Errors
/// A problem that names the invalid field; `within` is put before its path.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8], within: &str) -> Result<T, Problem> {
    // Tracking the path doubles the time of reading, so it is done only after an error.
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let mut track = Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let read = T::deserialize(tracked).and_then(|value| reader.end().map(|()| value));
    read.map_err(|error| {
        // The path shows an unknown part as `?` and the root as a dot.
        let path = track.path().to_string();
        problem(&error, path.trim_end_matches(['?', '.']), within)
    })
}

fn problem(error: &serde_json::Error, path: &str, within: &str) -> Problem {
    let text = error.to_string();
    let (message, position) = match text.rsplit_once(" at line ") {
        Some((message, position)) => (message, format!(" (line {position})")),
        None => (text.as_str(), String::new()),
    };
    let is_syntax = error.classify() != Category::Data;
    // The path lacks the name of an unknown, missing or duplicate field; the message has it.
    let from_name = ["unknown field `", "missing field `", "duplicate field `"]
        .iter()
        .find_map(|start| message.strip_prefix(start))
        .filter(|_| !is_syntax);
    let name = from_name.map(|rest| {
        let end = rest.rfind("`, expected").or_else(|| rest.rfind("`, there are no"));
        let end = end.or_else(|| rest.rfind('`')).unwrap_or(rest.len());
        &rest[..end]
    });
    let mut field = format!("{within}{}{path}", dot(within, path));
    if let Some(name) = name.filter(|name| path != *name && !path.ends_with(&format!(".{name}"))) {
        field = format!("{field}{}{name}", dot(&field, name));
    }
    if field.is_empty() {
        "body".clone_into(&mut field);
    }
    if is_syntax {
        Problem::new(&kinds::MALFORMED_JSON, format!("{message}{position}")).at(field)
    } else if name.is_some() {
        Problem::input(field, message)
    } else {
        let detail = format!("{field}: {message}");
        Problem::input(field, detail)
    }
}

/// What stands between two parts of a path.
fn dot(before: &str, after: &str) -> &'static str {
    let needs_dot = !before.is_empty() && !after.is_empty() && !after.starts_with('[');
    if needs_dot { "." } else { "" }
}
