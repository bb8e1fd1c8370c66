//! The OpenAPI document: paths from the operations, schemas from the types of the contracts.

use std::collections::BTreeMap;

use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use super::operation::{BodyRule, Operation, Parameter, ParameterIn, ResponseSpec};
use crate::dry_run::DryRun;
use crate::http::middleware::OPEN_ROUTES;
use crate::problem::{Kind, PROBLEM_JSON, kinds};

/// The name of a group of operations and its description.
pub(crate) type Group = (&'static str, &'static str);

/// Makes the document.
pub(crate) fn document(groups: &[Group], operations: &[Operation], requires_key: bool) -> Value {
    let mut writer = Writer::new(requires_key);
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in operations {
        let method = operation.method.as_str().to_ascii_lowercase();
        let operation_json = writer.operation(operation);
        paths.entry(operation.path).or_default().insert(method, operation_json);
    }
    let tag = |(name, description): &Group| json!({ "name": name, "description": description });
    let tags: Vec<Value> = groups.iter().map(tag).collect();
    let mut json = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Earmark",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Allocates stock to order lines",
            "description": DESCRIPTION,
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags,
        "paths": paths,
        "components": { "schemas": writer.schemas() },
    });
    tidy(&mut json);
    if requires_key {
        json["security"] = json!([{ "key": [] }]);
        json["components"]["securitySchemes"] =
            json!({ "key": { "type": "http", "scheme": "bearer" } });
    }
    json
}

const DESCRIPTION: &str = "Every command may have an `Idempotency-Key`: a request that is repeated \
    with the same key is done once and gets the same response, byte for byte. Errors are problems \
    (RFC 9457): `type` is the address of a page that explains the problem and says what to do; \
    `outcome` is `none` (nothing was done) or `unknown` (send the request again with the same \
    key). Quantities are whole units. Days are `YYYY-MM-DD`, UTC.";

/// Removes what is useful in Rust's own documentation only: links, and defaults that are null.
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
    requires_key: bool,
}

impl Writer {
    fn new(requires_key: bool) -> Self {
        let settings = SchemaSettings::draft2020_12()
            .with(|it| it.definitions_path = "/components/schemas".into());
        Self {
            input: settings.clone().for_deserialize().into_generator(),
            output: settings.for_serialize().into_generator(),
            requires_key,
        }
    }

    fn schemas(mut self) -> Map<String, Value> {
        let mut schemas = self.input.take_definitions(true);
        for (name, schema) in self.output.take_definitions(true) {
            let known = schemas.get(&name);
            assert!(
                known.is_none_or(|known| *known == schema),
                "{name} has one schema in requests and another in responses"
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
        for spec in &operation.responses {
            let response = self.response(spec, operation.is_command);
            responses.insert(spec.status.to_string(), response);
        }
        for (status, kinds) in self.problems(operation) {
            responses.insert(status.to_string(), problem_response(status, &kinds));
        }
        let mut json = json!({
            "operationId": operation.id,
            "tags": [operation.group],
            "summary": operation.summary,
            "description": operation.description,
            "parameters": parameters,
            "responses": responses,
        });
        if let Some(schema) = operation.body_schema {
            let schema = schema(&mut self.input).to_value();
            let mut content = json!({ "application/json": { "schema": schema } });
            if operation.body == BodyRule::Bulk {
                content["application/x-ndjson"] = json!({ "schema": { "type": "string" } });
            }
            let required = operation.body != BodyRule::OptionalObject;
            json["requestBody"] = json!({ "required": required, "content": content });
        }
        if is_open(operation) {
            json["security"] = json!([]);
        }
        json
    }

    fn parameter(&mut self, parameter: &Parameter) -> Value {
        let location = match parameter.location {
            ParameterIn::Path => "path",
            ParameterIn::Query => "query",
            ParameterIn::Header => "header",
        };
        json!({
            "name": parameter.name,
            "in": location,
            "required": parameter.location == ParameterIn::Path,
            "description": parameter.description,
            "schema": (parameter.schema)(&mut self.input).to_value(),
        })
    }

    fn response(&mut self, spec: &ResponseSpec, is_command: bool) -> Value {
        let mut schema = spec.schema.map(|it| it(&mut self.output).to_value());
        // A dry run responds with 200 and the events that it would have recorded.
        if is_command && spec.status == 200 {
            let dry_run = self.output.subschema_for::<DryRun>().to_value();
            schema = schema.map(|plain| json!({ "anyOf": [plain, { "allOf": [plain, dry_run] }] }));
        }
        let mut json = json!({ "description": spec.description });
        let mut headers = Map::new();
        for (name, description) in &spec.headers {
            let header = json!({ "description": description, "schema": { "type": "string" } });
            headers.insert((*name).to_owned(), header);
        }
        if is_command {
            let description = "`true` if this response was given before, under the same key.";
            let schema = json!({ "type": "string", "const": "true" });
            let header = json!({ "description": description, "schema": schema });
            headers.insert("Idempotent-Replayed".into(), header);
        }
        if !headers.is_empty() {
            json["headers"] = headers.into();
        }
        let content = spec.media_types.iter().map(|media_type| {
            let is_json = media_type.ends_with("json") && !media_type.contains("nd");
            let text = json!({ "type": "string" });
            let schema = schema.clone().filter(|_| is_json).unwrap_or(text);
            ((*media_type).to_owned(), json!({ "schema": schema }))
        });
        let content: Map<String, Value> = content.collect();
        if !content.is_empty() {
            json["content"] = content.into();
        }
        json
    }

    /// The problems of an operation by their status.
    fn problems(&self, operation: &Operation) -> BTreeMap<u16, Vec<&'static Kind>> {
        let mut by_status: BTreeMap<u16, Vec<&'static Kind>> = BTreeMap::new();
        let key = (self.requires_key && !is_open(operation)).then_some((401, &kinds::UNAUTHORIZED));
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
    OPEN_ROUTES.contains(&operation.path)
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
    let mut json = json!({ "description": titles.join("; "), "content": content });
    if status == 503 {
        let seconds = json!({ "type": "integer", "minimum": 0 });
        let description = "Seconds to wait before the request is sent again.";
        json["headers"] =
            json!({ "Retry-After": { "description": description, "schema": seconds } });
    }
    json
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "Why a request failed (RFC 9457). Further members depend on its `type`.",
        "required": ["type", "title", "status", "detail", "message", "outcome"],
        "properties": {
            "type": { "type": "string", "format": "uri-reference" },
            "title": { "type": "string" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string" },
            "message": { "type": "string", "description": "The same text as `detail`." },
            "outcome": {
                "enum": ["none", "unknown"],
                "description": "`none`: nothing was done. `unknown`: send it again with the same key."
            },
            "field": {
                "type": "string",
                "description": "The invalid field, parameter or header."
            },
        },
    })
}
