//! The document itself: paths from the operations, schemas from the contracts' own types.

use std::collections::BTreeMap;

use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use super::operation::{BodyRule, Operation, Parameter, Place, ResponseSpec};
use crate::command::DryRun;
use crate::problem::{Kind, PROBLEM_JSON, kinds};

/// Says of a group of operations what it is about.
pub(crate) type Group = (&'static str, &'static str);

/// Writes the document.
pub(crate) fn document(groups: &[Group], operations: &[Operation], asks_for_keys: bool) -> Value {
    let mut writer = Writer::new(asks_for_keys);
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in operations {
        let method = operation.method.as_str().to_ascii_lowercase();
        let written = writer.operation(operation);
        paths.entry(operation.path).or_default().insert(method, written);
    }
    let tags: Vec<Value> =
        groups.iter().map(|(name, about)| json!({ "name": name, "description": about })).collect();
    let mut json = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Earmark",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Promises stock to order lines",
            "description": ABOUT,
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": { "schemas": writer.schemas() },
    });
    tidy(&mut json);
    if asks_for_keys {
        json["security"] = json!([{ "key": [] }]);
        json["components"]["securitySchemes"] =
            json!({ "key": { "type": "http", "scheme": "bearer" } });
    }
    json
}

const ABOUT: &str = "Every request that is a command may carry an `Idempotency-Key`: the same \
    request with the same key is done once and answered with the same bytes. Problems are RFC 9457: \
    `type` is the address of a page that explains it, `outcome` says `none` (nothing was done) or \
    `unknown` (ask again with the same key). Quantities are whole units. Days are `YYYY-MM-DD`, UTC.";

/// Takes out what is of use in Rust's own documentation only: links, and defaults that say nothing.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.get("default").is_some_and(Value::is_null) {
                members.remove("default");
            }
            if let Some(Value::String(text)) = members.get_mut("description") {
                *text = text.replace("[`", "`").replace("`]", "`");
            }
            members.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

struct Writer {
    input: SchemaGenerator,
    output: SchemaGenerator,
    asks_for_keys: bool,
}

impl Writer {
    fn new(asks_for_keys: bool) -> Self {
        let settings = SchemaSettings::draft2020_12()
            .with(|it| it.definitions_path = "/components/schemas".into());
        Self {
            input: settings.clone().for_deserialize().into_generator(),
            output: settings.for_serialize().into_generator(),
            asks_for_keys,
        }
    }

    fn schemas(mut self) -> Map<String, Value> {
        let mut schemas = self.input.take_definitions(true);
        for (name, schema) in self.output.take_definitions(true) {
            let known = schemas.get(&name);
            assert!(
                known.is_none_or(|known| *known == schema),
                "{name} is taken and told in two shapes"
            );
            schemas.insert(name, schema);
        }
        schemas.insert("Problem".into(), problem_schema());
        schemas
    }

    fn operation(&mut self, operation: &Operation) -> Value {
        let parameters: Vec<Value> =
            operation.parameters.iter().map(|it| self.parameter(it)).collect();
        let mut responses = Map::new();
        for told in &operation.answers {
            let written = self.told(told, operation.is_command);
            responses.insert(told.status.to_string(), written);
        }
        for (status, kinds) in self.problems(operation) {
            responses.insert(status.to_string(), problem_response(status, &kinds));
        }
        let mut written = json!({
            "operationId": operation.id,
            "tags": [operation.group],
            "summary": operation.summary,
            "parameters": parameters,
            "responses": responses,
        });
        if !operation.about.is_empty() {
            written["description"] = operation.about.into();
        }
        if let Some(schema) = operation.body_schema {
            let schema = schema(&mut self.input).to_value();
            let mut content = json!({ "application/json": { "schema": schema } });
            if operation.body == BodyRule::Bulk {
                content["application/x-ndjson"] = json!({ "schema": { "type": "string" } });
            }
            let required = operation.body != BodyRule::OptionalObject;
            written["requestBody"] = json!({ "required": required, "content": content });
        }
        if is_open(operation) {
            written["security"] = json!([]);
        }
        written
    }

    fn parameter(&mut self, parameter: &Parameter) -> Value {
        let place = match parameter.place {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
        };
        json!({
            "name": parameter.name,
            "in": place,
            "required": parameter.place == Place::Path,
            "description": parameter.about,
            "schema": (parameter.schema)(&mut self.input).to_value(),
        })
    }

    fn told(&mut self, told: &ResponseSpec, is_command: bool) -> Value {
        let mut schema = told.schema.map(|it| it(&mut self.output).to_value());
        // A dry run is answered with 200 and says what it would have recorded.
        if is_command && told.status == 200 {
            let rehearsed = self.output.subschema_for::<DryRun>().to_value();
            schema =
                schema.map(|plain| json!({ "anyOf": [plain, { "allOf": [plain, rehearsed] }] }));
        }
        let mut written = json!({ "description": told.about });
        let mut headers = Map::new();
        for (name, about) in &told.headers {
            let header = json!({ "description": about, "schema": { "type": "string" } });
            headers.insert((*name).to_owned(), header);
        }
        if is_command {
            let about = "`true` when this answer was given before under the same key";
            let schema = json!({ "type": "string", "const": "true" });
            let header = json!({ "description": about, "schema": schema });
            headers.insert("Idempotent-Replayed".into(), header);
        }
        if !headers.is_empty() {
            written["headers"] = headers.into();
        }
        let content = told.media_types.iter().map(|media_type| {
            let is_json = media_type.ends_with("json") && !media_type.contains("nd");
            let text = json!({ "type": "string" });
            let schema = schema.clone().filter(|_| is_json).unwrap_or(text);
            ((*media_type).to_owned(), json!({ "schema": schema }))
        });
        let content: Map<String, Value> = content.collect();
        if !content.is_empty() {
            written["content"] = content.into();
        }
        written
    }

    /// The problems of an operation by their status.
    fn problems(&self, operation: &Operation) -> BTreeMap<u16, Vec<&'static Kind>> {
        let mut by_status: BTreeMap<u16, Vec<&'static Kind>> = BTreeMap::new();
        let key =
            (self.asks_for_keys && !is_open(operation)).then_some((401, &kinds::UNAUTHORIZED));
        for (status, kind) in operation.problems.iter().copied().chain(key) {
            let kinds = by_status.entry(status).or_default();
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        by_status
    }
}

fn is_open(operation: &Operation) -> bool {
    crate::middleware::OPEN_ROUTES.contains(&operation.path)
}

fn problem_response(status: u16, kinds: &[&'static Kind]) -> Value {
    let titles: Vec<String> =
        kinds.iter().map(|it| format!("`{}`: {}", it.name, it.title)).collect();
    let types: Vec<String> = kinds.iter().map(|it| it.uri()).collect();
    let schema = json!({
        "allOf": [
            { "$ref": "#/components/schemas/Problem" },
            { "properties": { "type": { "enum": types }, "status": { "const": status } } },
        ]
    });
    let mut content = Map::new();
    content.insert(PROBLEM_JSON.to_owned(), json!({ "schema": schema }));
    let mut written = json!({ "description": titles.join("; "), "content": content });
    if status == 503 {
        let seconds = json!({ "type": "integer", "minimum": 0 });
        let about = "seconds after which it is worth trying again";
        written["headers"] = json!({ "Retry-After": { "description": about, "schema": seconds } });
    }
    written
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457: why a request was not done. Members of its own depend on its type.",
        "required": ["type", "title", "status", "detail", "message", "outcome"],
        "properties": {
            "type": { "type": "string", "format": "uri-reference" },
            "title": { "type": "string" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string" },
            "message": { "type": "string", "description": "The same words as `detail`." },
            "outcome": {
                "enum": ["none", "unknown"],
                "description": "`none`: nothing was done. `unknown`: ask again with the same key."
            },
            "field": {
                "type": "string",
                "description": "The field, parameter or header at fault."
            },
        },
    })
}
