//! One operation of a route's table: what it takes and how it can end.

use axum::http::Method;
use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema, json_schema};

use crate::api_request::{CORRELATION_CHARS_MAX, KEY_CHARS_MAX};
use crate::problem::{Kind, kinds};

/// Writes the schema of a type.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
}

/// A parameter of an operation.
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) schema: SchemaOf,
    pub(crate) about: &'static str,
}

/// Whether an operation takes a body, and how large it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyRule {
    None,
    /// One JSON object.
    Object,
    /// One JSON object, or nothing.
    OptionalObject,
    /// Many lines, as a JSON array or one a line.
    Bulk,
}

/// An answer that is no problem.
pub(crate) struct ResponseSpec {
    pub(crate) status: u16,
    pub(crate) about: &'static str,
    pub(crate) media_types: &'static [&'static str],
    pub(crate) schema: Option<SchemaOf>,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
}

/// One operation of a route's table.
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) id: &'static str,
    pub(crate) group: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) about: &'static str,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: BodyRule,
    pub(crate) body_schema: Option<SchemaOf>,
    pub(crate) answers: Vec<ResponseSpec>,
    pub(crate) problems: Vec<(u16, &'static Kind)>,
    /// It changes something: it goes on to its end, and takes an idempotency key.
    pub(crate) is_command: bool,
}

const JSON: &[&str] = &["application/json"];

/// How whatever changes something can end.
const CHANGES: &[&Kind] = &[
    &kinds::HANDLER_BROKE,
    &kinds::BUSY,
    &kinds::STORAGE_FULL,
    &kinds::STORAGE,
    &kinds::STOPPING,
    &kinds::NOT_SERVED,
    &kinds::UNKNOWN_OUTCOME,
];

impl Operation {
    /// A question.
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

    /// A change that is no message of its own: it takes no idempotency key.
    pub(crate) fn errand(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::POST, path, id, summary).rehearsable().problems(CHANGES)
    }

    fn new(method: Method, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        let this = Self {
            method,
            path,
            id,
            group: "",
            summary,
            about: "",
            parameters: Vec::new(),
            body: BodyRule::None,
            body_schema: None,
            answers: Vec::new(),
            problems: Vec::new(),
            is_command: false,
        };
        this.problems(&[&kinds::INVALID_INPUT, &kinds::HEADER_TOO_LARGE, &kinds::INTERNAL])
    }

    fn command(mut self) -> Self {
        self.is_command = true;
        let key: SchemaOf = |_| {
            let pattern = "^[!-~]+$";
            json_schema!({ "type": "string", "minLength": 1, "maxLength": KEY_CHARS_MAX,
                "pattern": pattern })
        };
        let correlation: SchemaOf = |_| {
            json_schema!({ "type": "string", "minLength": 1, "maxLength": CORRELATION_CHARS_MAX,
                "pattern": "^[!-~]+$" })
        };
        self.rehearsable()
            .with(
                Place::Header,
                "Idempotency-Key",
                key,
                "The same key with the same request gives the same answer and no second effect.",
            )
            .with(
                Place::Header,
                "X-Correlation-Id",
                correlation,
                "What this belongs to; it is kept with every event and echoed.",
            )
            .problems(&[&kinds::KEY_REUSED])
            .problems(CHANGES)
    }

    fn rehearsable(self) -> Self {
        let dry_run: SchemaOf = |_| json_schema!({ "type": "boolean", "default": false });
        self.with(Place::Query, "dry_run", dry_run, "Try it and keep nothing.")
    }

    /// It asks the views.
    pub(crate) fn asks_views(self) -> Self {
        self.problems(&[&kinds::STORAGE, &kinds::NOT_SERVED])
    }

    pub(crate) fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    /// A parameter of the path.
    pub(crate) fn path<T: JsonSchema>(self, name: &'static str, about: &'static str) -> Self {
        self.with(Place::Path, name, SchemaGenerator::subschema_for::<T>, about)
    }

    /// A parameter of the query.
    pub(crate) fn query<T: JsonSchema>(self, name: &'static str, about: &'static str) -> Self {
        self.with(Place::Query, name, SchemaGenerator::subschema_for::<T>, about)
    }

    /// A parameter with a schema of its own.
    pub(crate) fn with(
        mut self,
        place: Place,
        name: &'static str,
        schema: SchemaOf,
        about: &'static str,
    ) -> Self {
        self.parameters.push(Parameter { name, place, schema, about });
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

    /// An answer in JSON.
    pub(crate) fn responds<T: JsonSchema>(self, status: u16, about: &'static str) -> Self {
        self.tells_as(status, about, JSON, Some(SchemaGenerator::subschema_for::<T>))
    }

    /// An answer in other media types.
    pub(crate) fn tells_as(
        mut self,
        status: u16,
        about: &'static str,
        media_types: &'static [&'static str],
        schema: Option<SchemaOf>,
    ) -> Self {
        self.answers.push(ResponseSpec { status, about, media_types, schema, headers: Vec::new() });
        self
    }

    /// A header of the last answer.
    pub(crate) fn header(mut self, name: &'static str, about: &'static str) -> Self {
        if let Some(last) = self.answers.last_mut() {
            last.headers.push((name, about));
        }
        self
    }

    /// Problems that it can end with.
    pub(crate) fn problems(mut self, kinds: &[&'static Kind]) -> Self {
        self.problems.extend(kinds.iter().map(|kind| (kind.status, *kind)));
        self
    }

    /// A problem with another status than its kind usually has.
    pub(crate) fn fails_as(mut self, status: u16, kind: &'static Kind) -> Self {
        self.problems.push((status, kind));
        self
    }

    /// The names of its query parameters.
    pub(crate) fn query_names(&self) -> Vec<&'static str> {
        let of_query = self.parameters.iter().filter(|it| it.place == Place::Query);
        of_query.map(|it| it.name).collect()
    }
}
