//! Query parameters that several routes share, and their schemas.

use schemars::{Schema, json_schema};

use crate::openapi::{Operation, ParameterIn, SchemaFn};

/// The largest sequence number that a parameter accepts.
pub(super) const AFTER_MAX: u64 = i64::MAX as u64;

/// The schema of a whole number.
pub(super) fn whole(from: u64, to: u64, default: u64) -> Schema {
    json_schema!({ "type": "integer", "minimum": from, "maximum": to, "default": default })
}

/// The size of a page; `schema` gives its bounds.
pub(super) fn limit(operation: Operation, schema: SchemaFn) -> Operation {
    operation.with(ParameterIn::Query, "limit", schema, "Items in the response, at most.")
}
