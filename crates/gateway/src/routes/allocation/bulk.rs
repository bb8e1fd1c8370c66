//! Many lines in one request: all are read before the first is sent; they are decided in order.

use axum::response::Response;
use earmark_contracts::allocation::{Allocate, Outcome, Placement};
use earmark_kernel::{Idempotency, Meta};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::value::RawValue;

use super::lines::out_of_stock;
use crate::api_request::ApiRequest;
use crate::command::Completed;
use crate::http::json::{self, Object};
use crate::http::response::{self, mark_replayed};
use crate::http::{BodyFormat, HttpResult};
use crate::openapi::{BodyRule, Operation};
use crate::problem::{Problem, kinds};
use crate::routes::table::RouteTable;

/// Lines sent at a time, at most, so that one request does not fill the queue.
const CHUNK_LINES_MAX: usize = 1_000;

/// The schema of the lines.
struct BulkLines;

impl JsonSchema for BulkLines {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BulkLines".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let line = generator.subschema_for::<Allocate>();
        json_schema!({ "type": "array", "items": line, "minItems": 1, "maxItems": 10_000 })
    }
}

/// The result of a line: the body that the route for one line would have returned, and its status.
#[derive(Serialize)]
#[serde(untagged)]
enum BulkResult {
    Done {
        status: u16,
        #[serde(flatten)]
        outcome: Box<Outcome>,
    },
    Problem(Box<RawValue>),
}

/// The schema of the results.
struct BulkResults;

impl JsonSchema for BulkResults {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BulkResults".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let outcome = generator.subschema_for::<Outcome>();
        let status = serde_json::json!({ "enum": [200, 201, 202] });
        json_schema!({ "type": "array", "minItems": 1, "items": { "anyOf": [
            { "allOf": [
                outcome,
                { "properties": { "status": status }, "required": ["status"] },
            ] },
            { "$ref": "#/components/schemas/Problem" },
        ] } })
    }
}

pub(super) fn add(table: RouteTable) -> RouteTable {
    let description = "The request is a JSON array, or has one JSON object per line \
        (`application/x-ndjson`). The response has the same format, with one result per line, in \
        order; each has the `status` that the route for one line would have returned. If any line \
        cannot be read, nothing is done.";
    let bulk = Operation::post("/v1/allocations/bulk", "allocate_bulk", "Allocate many lines")
        .description(description)
        .body::<BulkLines>(BodyRule::Bulk)
        .responds_as(
            200,
            "One result per line.",
            &["application/json", "application/x-ndjson"],
            Some(SchemaGenerator::subschema_for::<BulkResults>),
        );
    table.route(bulk, allocate_bulk)
}

async fn allocate_bulk(request: ApiRequest) -> HttpResult {
    let lines = match request.body_format {
        BodyFormat::Json => array(&request)?,
        BodyFormat::Ndjson => ndjson(&request)?,
    };
    let meta = request.meta()?;
    let mut commands = lines.into_iter().enumerate().map(|(at, line)| (line, line_meta(&meta, at)));
    // The first line has the key of the request and is sent alone: if the key was used for another
    // request, nothing else is sent.
    let is_keyed = meta.idempotency.is_some();
    let mut chunk_max = if is_keyed { 1 } else { CHUNK_LINES_MAX };
    let mut results = Vec::new();
    loop {
        let chunk: Vec<_> = commands.by_ref().take(chunk_max).collect();
        if chunk.is_empty() {
            break;
        }
        let mut sent = request.send_many(chunk, Problem::from).await;
        if results.is_empty() && sent.iter().all(fails_request) {
            return Err(sent.swap_remove(0).err().expect("every result is a problem"));
        }
        results.extend(sent);
        chunk_max = CHUNK_LINES_MAX;
    }
    let is_replayed = results.iter().all(|it| match it {
        Ok(done) => done.is_replayed(),
        Err(problem) => problem.is_replayed(),
    });
    let results: Vec<BulkResult> = results.into_iter().map(bulk_result).collect();
    Ok(mark_replayed(respond(request.body_format, &results), is_replayed))
}

/// Whether nothing was done for a line, for a reason that applies to the whole request.
fn fails_request(result: &Result<Completed<Placement>, Problem>) -> bool {
    let problem = result.as_ref().err();
    problem.is_some_and(|it| it.is_kind(&kinds::KEY_REUSED) || it.is_kind(&kinds::BUSY))
}

fn bulk_result(result: Result<Completed<Placement>, Problem>) -> BulkResult {
    let done = match result {
        Ok(done) => done,
        Err(problem) => return BulkResult::Problem(problem.to_json()),
    };
    let status = match &done.answer.outcome {
        outcome @ Outcome::OutOfStock { .. } => {
            return BulkResult::Problem(out_of_stock(outcome).to_json());
        }
        _ if done.answer.already_accepted => 200,
        Outcome::Placed { .. } => 201,
        Outcome::Short { .. } => 202,
    };
    let status = done.status(status);
    BulkResult::Done { status, outcome: Box::new(done.answer.outcome) }
}

fn respond(format: BodyFormat, results: &[BulkResult]) -> Response {
    if format == BodyFormat::Json {
        return response::json(200, &results);
    }
    let mut lines = Vec::new();
    for result in results {
        serde_json::to_writer(&mut lines, result).expect("results are plain data");
        lines.push(b'\n');
    }
    response::from_bytes(200, "application/x-ndjson", lines)
}

/// The metadata of one line; its idempotency key is derived from that of the request.
fn line_meta(meta: &Meta, at: usize) -> Meta {
    let key = |whole: &Idempotency| if at == 0 { whole.clone() } else { whole.part(at) };
    Meta { idempotency: meta.idempotency.as_ref().map(key), ..meta.clone() }
}

fn array(request: &ApiRequest) -> Result<Vec<Allocate>, Problem> {
    let lines: Vec<Object<Allocate>> = json::read(&request.body, "")?;
    check_count(lines.len(), request)?;
    Ok(lines.into_iter().map(|line| line.0).collect())
}

fn ndjson(request: &ApiRequest) -> Result<Vec<Allocate>, Problem> {
    let lines = read_lines(&request.body)?;
    check_count(lines.len(), request)?;
    Ok(lines)
}

/// Reads one JSON object per line; blank lines are skipped.
pub(crate) fn read_lines(body: &[u8]) -> Result<Vec<Allocate>, Problem> {
    let lines = body.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.trim_ascii().is_empty());
    let read = lines.enumerate().map(|(at, line)| {
        let line = json::read::<Object<Allocate>>(line, &format!("[{at}]"))?;
        Ok(line.0)
    });
    read.collect()
}

fn check_count(lines: usize, request: &ApiRequest) -> Result<(), Problem> {
    let max = request.app.settings.bulk_lines_max;
    match lines {
        0 => Err(Problem::input("body", "there must be at least one line")),
        more if more > max => {
            let detail = format!("there may be at most {max} lines, not {more}");
            Err(Problem::input("body", detail))
        }
        _ => Ok(()),
    }
}
