//! One operation of a route table: its parameters, its body, its responses and its problems.

use axum::http::Method;
use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema, json_schema};

use crate::http::headers::{CORRELATION_CHARS_MAX, KEY_CHARS_MAX};
use crate::problem::{Kind, kinds};

/// Makes the schema of a type.
pub(crate) type SchemaFn = fn(&mut SchemaGenerator) -> Schema;

/// Where a parameter is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParameterIn {
    Path,
    Query,
    Header,
}

/// A parameter of an operation.
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) location: ParameterIn,
    pub(crate) schema: SchemaFn,
    pub(crate) description: &'static str,
}

/// Whether an operation has a body, and how large it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyRule {
    None,
    /// One JSON object.
    Object,
    /// One JSON object or no body.
    OptionalObject,
    /// Many lines, as a JSON array or as one JSON object per line.
    Bulk,
}

/// A response that is not a problem.
pub(crate) struct ResponseSpec {
    pub(crate) status: u16,
    pub(crate) description: &'static str,
    pub(crate) media_types: &'static [&'static str],
    pub(crate) schema: Option<SchemaFn>,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
}

/// One operation of a route table.
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) id: &'static str,
    pub(crate) group: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) description: &'static str,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: BodyRule,
    pub(crate) body_schema: Option<SchemaFn>,
    pub(crate) responses: Vec<ResponseSpec>,
    pub(crate) problems: Vec<(u16, &'static Kind)>,
    /// It sends a command: it is completed even if the client hangs up, and has an idempotency key.
    pub(crate) is_command: bool,
}

const JSON: &[&str] = &["application/json"];

/// The problems of every operation that changes something.
const CHANGE_PROBLEMS: &[&Kind] = &[
    &kinds::HANDLER_BROKE,
    &kinds::BUSY,
    &kinds::STORAGE_FULL,
    &kinds::STORAGE,
    &kinds::STOPPING,
    &kinds::NOT_SERVED,
    &kinds::UNKNOWN_OUTCOME,
];

impl Operation {
    /// A query.
    pub(crate) fn get(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::GET, path, id, summary)
    }

    /// A command.
    pub(crate) fn post(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::POST, path, id, summary).command()
    }

    /// A command.
    pub(crate) fn patch(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::PATCH, path, id, summary).command()
    }

    /// A command.
    pub(crate) fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::DELETE, path, id, summary).command()
    }

    /// A change that is not a command of a service: it has no idempotency key.
    pub(crate) fn action(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::POST, path, id, summary).with_dry_run().problems(CHANGE_PROBLEMS)
    }

    fn new(method: Method, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        let this = Self {
            method,
            path,
            id,
            group: "",
            summary,
            description: "",
            parameters: Vec::new(),
            body: BodyRule::None,
            body_schema: None,
            responses: Vec::new(),
            problems: Vec::new(),
            is_command: false,
        };
        this.problems(&[&kinds::INVALID_INPUT, &kinds::HEADER_TOO_LARGE, &kinds::INTERNAL])
    }

    fn command(mut self) -> Self {
        self.is_command = true;
        let key: SchemaFn = |_| {
            let pattern = "^[!-~]+$";
            json_schema!({ "type": "string", "minLength": 1, "maxLength": KEY_CHARS_MAX,
                "pattern": pattern })
        };
        let correlation: SchemaFn = |_| {
            json_schema!({ "type": "string", "minLength": 1, "maxLength": CORRELATION_CHARS_MAX,
                "pattern": "^[!-~]+$" })
        };
        self.with_dry_run()
            .with(
                ParameterIn::Header,
                "Idempotency-Key",
                key,
                "A request that is repeated with the same key has no second effect and gets the \
                 same response.",
            )
            .with(
                ParameterIn::Header,
                "X-Correlation-Id",
                correlation,
                "What the request belongs to, for example an order. It is stored with every event \
                 and returned in the response.",
            )
            .problems(&[&kinds::KEY_REUSED])
            .problems(CHANGE_PROBLEMS)
    }

    fn with_dry_run(self) -> Self {
        let dry_run: SchemaFn = |_| json_schema!({ "type": "boolean", "default": false });
        self.with(
            ParameterIn::Query,
            "dry_run",
            dry_run,
            "Decide and respond as usual, but record nothing.",
        )
    }

    /// It reads views.
    pub(crate) fn reads_views(self) -> Self {
        self.problems(&[&kinds::STORAGE, &kinds::NOT_SERVED])
    }

    /// What it does and what to know about it, in sentences.
    pub(crate) fn description(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// A path parameter.
    pub(crate) fn path<T: JsonSchema>(self, name: &'static str, description: &'static str) -> Self {
        self.with(ParameterIn::Path, name, SchemaGenerator::subschema_for::<T>, description)
    }

    /// A query parameter.
    pub(crate) fn query<T: JsonSchema>(
        self,
        name: &'static str,
        description: &'static str,
    ) -> Self {
        self.with(ParameterIn::Query, name, SchemaGenerator::subschema_for::<T>, description)
    }

    /// A parameter with a schema of its own.
    pub(crate) fn with(
        mut self,
        location: ParameterIn,
        name: &'static str,
        schema: SchemaFn,
        description: &'static str,
    ) -> Self {
        self.parameters.push(Parameter { name, location, schema, description });
        self
    }

    /// The body.
    pub(crate) fn body<T: JsonSchema>(mut self, rule: BodyRule) -> Self {
        self.body = rule;
        self.body_schema = Some(SchemaGenerator::subschema_for::<T>);
        self.problems(&[
            &kinds::MALFORMED_JSON,
            &kinds::REQUEST_TIMEOUT,
            &kinds::BODY_TOO_LARGE,
            &kinds::UNSUPPORTED_MEDIA_TYPE,
        ])
    }

    /// A response in JSON.
    pub(crate) fn responds<T: JsonSchema>(self, status: u16, description: &'static str) -> Self {
        self.responds_as(status, description, JSON, Some(SchemaGenerator::subschema_for::<T>))
    }

    /// A response in other media types.
    pub(crate) fn responds_as(
        mut self,
        status: u16,
        description: &'static str,
        media_types: &'static [&'static str],
        schema: Option<SchemaFn>,
    ) -> Self {
        let headers = Vec::new();
        self.responses.push(ResponseSpec { status, description, media_types, schema, headers });
        self
    }

    /// A header of the last response.
    pub(crate) fn header(mut self, name: &'static str, description: &'static str) -> Self {
        if let Some(last) = self.responses.last_mut() {
            last.headers.push((name, description));
        }
        self
    }

    /// Problems that it can respond with.
    pub(crate) fn problems(mut self, kinds: &[&'static Kind]) -> Self {
        self.problems.extend(kinds.iter().map(|kind| (kind.status, *kind)));
        self
    }

    /// A problem whose status differs from the usual one of its kind.
    pub(crate) fn problem_as(mut self, status: u16, kind: &'static Kind) -> Self {
        self.problems.push((status, kind));
        self
    }

    /// The names of its query parameters.
    pub(crate) fn query_names(&self) -> Vec<&'static str> {
        let of_query = self.parameters.iter().filter(|it| it.location == ParameterIn::Query);
        of_query.map(|it| it.name).collect()
    }
}
