//! The API reference as a page, made of the OpenAPI document; it loads nothing from elsewhere.

use std::fmt::Write as _;

use serde_json::Value;

use crate::problem::{Kind, kinds};

const STYLE: &str = include_str!("reference.css");
const METHODS: [&str; 4] = ["get", "post", "patch", "delete"];

/// What is made once, when the routes are built, and served to everybody.
pub(crate) struct ApiDocs {
    /// The OpenAPI document, as JSON.
    pub(crate) openapi: Vec<u8>,
    /// The reference, as HTML.
    pub(crate) reference: String,
}

impl ApiDocs {
    pub(crate) fn new(document: &Value) -> Self {
        let openapi = serde_json::to_vec(document).expect("a document is plain data");
        Self { openapi, reference: page(document) }
    }
}

/// The whole document as a page.
fn page(document: &Value) -> String {
    let mut nav = String::new();
    let mut main = format!(
        "<h1>Earmark</h1><p class=lead>Version {}. {}. The same as data: \
         <a href=\"/openapi.json\">OpenAPI 3.1</a>.</p><p>{}</p>",
        text(&document["info"]["version"]),
        text(&document["info"]["summary"]),
        marked(document["info"]["description"].as_str().unwrap_or_default()),
    );
    for tag in elements(&document["tags"]) {
        let name = tag["name"].as_str().unwrap_or_default();
        put(&mut nav, &format!("<h3>{}</h3>", escaped(name)));
        let description = text(&tag["description"]);
        let heading = format!("<h2>{}</h2><p class=lead>{description}</p>", escaped(name));
        put(&mut main, &heading);
        for (path, method, operation) in operations(document) {
            if operation["tags"][0] == tag["name"] {
                let id = text(&operation["operationId"]);
                let summary = text(&operation["summary"]);
                put(&mut nav, &format!("<a href=\"#{id}\">{summary}</a>"));
                write_operation(&mut main, path, method, operation);
            }
        }
    }
    put(&mut nav, "<h3>Schemas</h3>");
    let lead = "<p class=lead>The objects in requests and responses.</p>";
    put(&mut main, &format!("<h2>Schemas</h2>{lead}"));
    for (name, schema) in members(&document["components"]["schemas"]) {
        let name = escaped(name);
        put(&mut nav, &format!("<a href=\"#schema-{name}\">{name}</a>"));
        put(&mut main, &format!("<section class=operation id=\"schema-{name}\"><h3>{name}</h3>"));
        put(&mut main, &format!("<p>{}</p>", marked(described(schema))));
        write_fields(&mut main, schema);
        put(&mut main, "</section>");
    }
    let body = format!("<div class=page><nav>{nav}</nav><main>{main}</main></div>");
    html("Earmark: reference", &body)
}

/// The list of all kinds of problems.
pub(crate) fn problems() -> String {
    let mut rows = String::new();
    for kind in kinds::ALL {
        let (uri, name, title) = (kind.uri(), kind.name, kind.title);
        let row = format!(
            "<tr><td>{}</td><td><a href=\"{uri}\"><code>{name}</code></a></td>\
             <td>{title}</td></tr>",
            kind.status
        );
        put(&mut rows, &row);
    }
    let body = format!(
        "<main class=alone><h1>Problems</h1><p class=lead>How a request can fail (RFC 9457). \
         <a href=\"/docs\">Reference</a></p><table>{rows}</table></main>"
    );
    html("Earmark: problems", &body)
}

/// The page of one kind of problem.
pub(crate) fn problem(kind: &Kind) -> String {
    let title = escaped(kind.title);
    let body = format!(
        "<main class=alone><h1>{title}</h1><p class=lead><code>{}</code>, usually with status {}\
         </p><p>{}</p><p><a href=\"/problems\">All problems</a> · <a href=\"/docs\">Reference</a>\
         </p></main>",
        kind.uri(),
        kind.status,
        marked(kind.description)
    );
    html(&format!("Earmark: {title}"), &body)
}

fn html(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body>{body}</body></html>\n"
    )
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    members(&document["paths"]).flat_map(|(path, item)| {
        let of_method = move |method| Some((path, method, item.get(method)?));
        METHODS.into_iter().filter_map(of_method)
    })
}

fn write_operation(page: &mut String, path: &str, method: &str, operation: &Value) {
    let id = text(&operation["operationId"]);
    let heading = format!(
        "<section class=operation id=\"{id}\"><h3><span class=\"method {method}\">{}</span>\
         <span class=path>{}</span></h3><p><strong>{}.</strong> {}</p>",
        method.to_uppercase(),
        escaped(path),
        text(&operation["summary"]),
        marked(operation["description"].as_str().unwrap_or_default()),
    );
    put(page, &heading);
    let parameters = elements(&operation["parameters"]);
    if !parameters.is_empty() {
        put(page, "<h4>Parameters</h4><table>");
        for it in parameters {
            let is_required = it["required"] == true;
            let kind = format!("{}, in {}", summary(&it["schema"]), text(&it["in"]));
            write_row(page, &text(&it["name"]), is_required, &kind, &text(&it["description"]));
        }
        put(page, "</table>");
    }
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        put(page, &format!("<h4>Body</h4><p>{}</p>", summary(body)));
    }
    put(page, "<h4>Responses</h4><table>");
    for (status, response) in members(&operation["responses"]) {
        let is_problem = response["content"].get(crate::problem::PROBLEM_JSON).is_some();
        let mut contents = members(&response["content"]);
        let kind = match contents.next() {
            _ if is_problem => "<a href=\"#schema-Problem\">Problem</a>".to_owned(),
            Some((_, content)) => summary(&content["schema"]),
            None => "no body".to_owned(),
        };
        let description = marked(response["description"].as_str().unwrap_or_default());
        write_row(page, &escaped(status), false, &kind, &description);
    }
    put(page, "</table></section>");
}

/// The fields of a schema; of alternatives, the fields of each.
fn write_fields(page: &mut String, schema: &Value) {
    let alternatives = ["oneOf", "anyOf"].iter().flat_map(|name| elements(&schema[name]));
    for alternative in alternatives {
        put(page, &format!("<h4>{}</h4>", marked(described(alternative))));
        write_fields(page, alternative);
    }
    for part in elements(&schema["allOf"]) {
        put(page, &format!("<p>{}</p>", summary(part)));
    }
    if let Some(reference) = schema["$ref"].as_str() {
        put(page, &format!("<p>With the fields of {}.</p>", link(reference)));
    }
    let mut fields = members(&schema["properties"]).peekable();
    if fields.peek().is_none() {
        let is_plain = schema.get("enum").or(schema.get("const")).is_some();
        if is_plain {
            put(page, &format!("<p>{}</p>", summary(schema)));
        }
        return;
    }
    put(page, "<table>");
    for (name, field) in fields {
        let is_required = elements(&schema["required"]).iter().any(|it| it == name);
        let description = marked(described(field));
        write_row(page, &escaped(name), is_required, &summary(field), &description);
    }
    put(page, "</table>");
}

fn write_row(page: &mut String, name: &str, is_required: bool, kind: &str, description: &str) {
    let must = if is_required { "<span class=must>required</span>" } else { "" };
    let row = format!(
        "<tr><td><code>{name}</code>{must}</td><td class=kind>{kind}</td>\
         <td>{description}</td></tr>"
    );
    put(page, &row);
}

/// A schema in a few words.
fn summary(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return link(reference);
    }
    if let Some(value) = schema.get("const") {
        return format!("<code>{}</code>", text(value));
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<_> = values.iter().map(|it| format!("<code>{}</code>", text(it))).collect();
        return values.join(" | ");
    }
    for (name, between) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(parts) = schema[name].as_array() {
            let parts: Vec<_> = parts.iter().map(summary).collect();
            return parts.join(between);
        }
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        kind => text(kind),
    };
    if schema["type"] == "array" {
        return format!("list of {}", summary(&schema["items"]));
    }
    let bound = |name: &str, label: &str| {
        let bound = schema.get(name)?;
        Some(format!("{label} {}", text(bound)))
    };
    let bounds = [
        schema.get("format").map(text).filter(|it| !it.starts_with("uint")),
        bound("minimum", "from"),
        bound("maximum", "to"),
        bound("minLength", "min length"),
        bound("maxLength", "max length"),
        bound("default", "default"),
    ];
    let bounds: Vec<_> = bounds.into_iter().flatten().filter(|it| !it.ends_with(' ')).collect();
    [vec![kind], bounds].concat().join(", ")
}

fn link(reference: &str) -> String {
    let name = escaped(reference.rsplit('/').next().unwrap_or(reference));
    format!("<a href=\"#schema-{name}\">{name}</a>")
}

fn described(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or_default()
}

fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => escaped(text),
        other => escaped(&other.to_string()),
    }
}

/// Text in which the parts between backticks become code.
fn marked(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(at, part)| match at % 2 {
        0 => escaped(part),
        _ => format!("<code>{}</code>", escaped(part)),
    });
    parts.collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn put(page: &mut String, part: &str) {
    page.write_str(part).expect("writing to a string cannot fail");
}
