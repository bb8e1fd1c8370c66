//! The response to a dry run: the usual body, and the events that would have been recorded.

use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::http::response;

/// What a dry run adds to a response.
#[derive(JsonSchema, Serialize)]
pub(crate) struct DryRun {
    /// Always true: nothing was recorded.
    dry_run: bool,
    /// The events that would have been recorded, each with `type` and `data`.
    #[schemars(with = "Vec<std::collections::BTreeMap<String, serde_json::Value>>")]
    events: Vec<Box<RawValue>>,
}

#[derive(Serialize)]
struct DryRunBody<'a, T> {
    #[serde(flatten)]
    body: &'a T,
    #[serde(flatten)]
    dry_run: DryRun,
}

pub(crate) fn json(status: u16, body: &impl Serialize, events: Vec<Box<RawValue>>) -> Response {
    let dry_run = DryRun { dry_run: true, events };
    response::json(status, &DryRunBody { body, dry_run })
}
