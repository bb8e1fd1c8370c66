//! Many lines at once: read whole before the first is sent, then decided in order.

use axum::response::Response;
use earmark_contracts::allocation::{Allocate, Outcome, Placement};
use earmark_kernel::{Idempotency, Meta};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::value::RawValue;

use super::lines::out_of_stock;
use crate::answer::{self, Answered};
use crate::api_request::ApiRequest;
use crate::body::Form;
use crate::command::{Completed, mark};
use crate::json::{self, Object};
use crate::openapi::{BodyRule, Operation};
use crate::problem::{Problem, kinds};
use crate::routes::Routes;

/// So many lines are sent at a time, so that one request does not fill the queue.
const CHUNK: usize = 1_000;

/// The lines of a bulk request, for the document.
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

/// What came of a line: what the single route would have answered, with its status.
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

/// The schema of a result, for the document.
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

pub(crate) fn draw(routes: Routes) -> Routes {
    let about = "A JSON array, or one line of JSON each (`application/x-ndjson`); the answer has \
        the same form, one result a line, in order, each with the `status` that the single route \
        would have given. If one line cannot be read, nothing is done.";
    let bulk =
        Operation::post("/v1/allocations/bulk", "allocate_bulk", "Promise stock to many lines")
            .about(about)
            .body::<BulkLines>(BodyRule::Bulk)
            .tells_as(
                200,
                "One result a line.",
                &["application/json", "application/x-ndjson"],
                Some(SchemaGenerator::subschema_for::<BulkResults>),
            );
    routes.line(bulk, allocate_bulk)
}

async fn allocate_bulk(request: ApiRequest) -> Answered {
    let lines = match request.form {
        Form::Json => array(&request)?,
        Form::Ndjson => one_each(&request)?,
    };
    let meta = request.meta()?;
    let mut commands = lines.into_iter().enumerate().map(|(at, line)| (line, part(&meta, at)));
    // The first line carries the key itself: a key that was used for something else ends it there.
    let is_keyed = meta.idempotency.is_some();
    let mut chunk_max = if is_keyed { 1 } else { CHUNK };
    let mut results = Vec::new();
    loop {
        let chunk: Vec<_> = commands.by_ref().take(chunk_max).collect();
        if chunk.is_empty() {
            break;
        }
        let mut ended = request.send_many(chunk, Problem::from).await;
        if results.is_empty() && ended.iter().all(ends_it) {
            return Err(ended.swap_remove(0).err().expect("it was looked at just now"));
        }
        results.extend(ended);
        chunk_max = CHUNK;
    }
    let is_replayed = results.iter().all(|it| match it {
        Ok(done) => done.is_replayed(),
        Err(problem) => problem.is_replayed(),
    });
    let results: Vec<BulkResult> = results.into_iter().map(told).collect();
    Ok(mark(written(request.form, &results), is_replayed))
}

/// Whether nothing was begun of a line, and there is no use in beginning with others.
fn ends_it(ended: &Result<Completed<Placement>, Problem>) -> bool {
    let problem = ended.as_ref().err();
    problem.is_some_and(|it| it.is_of(&kinds::KEY_REUSED) || it.is_of(&kinds::BUSY))
}

fn told(ended: Result<Completed<Placement>, Problem>) -> BulkResult {
    let done = match ended {
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

fn written(form: Form, results: &[BulkResult]) -> Response {
    if form == Form::Json {
        return answer::json(200, &results);
    }
    let mut lines = Vec::new();
    for result in results {
        serde_json::to_writer(&mut lines, result).expect("results are plain data");
        lines.push(b'\n');
    }
    answer::bytes(200, "application/x-ndjson", lines)
}

/// What is said about one line: its key is a part of the request's.
fn part(meta: &Meta, at: usize) -> Meta {
    let key = |whole: &Idempotency| if at == 0 { whole.clone() } else { whole.part(at) };
    Meta { idempotency: meta.idempotency.as_ref().map(key), ..meta.clone() }
}

fn array(request: &ApiRequest) -> Result<Vec<Allocate>, Problem> {
    let lines: Vec<Object<Allocate>> = json::read(&request.body, "")?;
    counted(lines.len(), request)?;
    Ok(lines.into_iter().map(|line| line.0).collect())
}

fn one_each(request: &ApiRequest) -> Result<Vec<Allocate>, Problem> {
    let lines = read_lines(&request.body)?;
    counted(lines.len(), request)?;
    Ok(lines)
}

/// One JSON value a line; lines of blanks are none.
pub(crate) fn read_lines(body: &[u8]) -> Result<Vec<Allocate>, Problem> {
    let lines = body.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.trim_ascii().is_empty());
    let read = lines.enumerate().map(|(at, line)| {
        let line = json::read::<Object<Allocate>>(line, &format!("[{at}]"))?;
        Ok(line.0)
    });
    read.collect()
}

fn counted(lines: usize, request: &ApiRequest) -> Result<(), Problem> {
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
