//! `earmark messages`: the reference of all messages, docs/MESSAGES.md.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Map, Value};

use crate::error::CliError;
use crate::message_schemas::{Kind, Message, messages};
use crate::output;

/// Prints every command, query, message and public event with its fields, their types and limits,
/// and the refusals.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
                        earmark messages\n  \
                        earmark messages --json")]
pub struct Messages {
    /// Print JSON with JSON Schemas
    #[arg(long)]
    json: bool,
}

impl Messages {
    pub fn run(self) -> Result<ExitCode, CliError> {
        if self.json {
            output::json(&messages())?;
        } else {
            output::print(&page(&messages()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The page docs/MESSAGES.md.
fn page(messages: &[Message]) -> String {
    let mut page = String::from(
        "# Messages\n\nEvery message that others can send or receive, generated from the contracts by \
         `cargo xtask messages`. Do not edit: change the contract.\n",
    );
    let parts = [
        (Kind::Command, "Commands", "Orders to do something. A refusal is an answer."),
        (Kind::Query, "Queries", "Answered from the views, as of the time of the request."),
        (
            Kind::Message,
            "Messages",
            "Sent by other systems in the book's format; each becomes a command.",
        ),
        (Kind::Event, "Public events", "Facts that other systems receive, as CloudEvents."),
    ];
    for (kind, title, about) in parts {
        write!(page, "\n## {title}\n\n{about}\n").expect(WRITES);
        for message in messages.iter().filter(|it| it.kind == kind) {
            section(&mut page, message);
        }
    }
    page
}

const WRITES: &str = "writing to a string";

fn section(page: &mut String, message: &Message) {
    let fields = message.fields.as_value();
    write!(page, "\n### {}\n\n{}\n", message.name, about(fields)).expect(WRITES);
    table(page, fields);
    if let Some(answer) = &message.answer {
        let answer = answer.as_value();
        let (kind, text) = (kind(answer), about(answer));
        let text = if text.is_empty() { text } else { format!(": {text}") };
        write!(page, "\nAnswer: {kind}{text}\n").expect(WRITES);
        table(page, answer);
    }
    if let Some(refusals) = &message.refusals {
        page.push_str("\nRefused with:\n\n");
        for variant in variants(refusals.as_value()) {
            let (tag, others) = variant_parts(variant);
            let with = match others.is_empty() {
                true => String::new(),
                false => format!(" ({})", others.join(", ")),
            };
            writeln!(page, "- `{tag}`{with}: {}", about(variant)).expect(WRITES);
        }
    }
}

/// A table of the fields of an object; fields of nested objects have their path.
fn table(page: &mut String, schema: &Value) {
    let mut rows = Vec::new();
    fields(&mut rows, "", schema);
    if rows.is_empty() {
        return;
    }
    page.push_str("\n| field | type | |\n|---|---|---|\n");
    for (name, kind, about) in rows {
        writeln!(page, "| `{name}` | {kind} | {about} |").expect(WRITES);
    }
}

fn fields(rows: &mut Vec<(String, String, String)>, before: &str, schema: &Value) {
    let schema = solid(schema);
    if schema["type"] == "array" {
        return fields(rows, &format!("{before}[]"), &schema["items"]);
    }
    for variant in variants(schema).filter(|it| it["properties"].is_object()) {
        fields(rows, before, variant);
    }
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    let required = schema["required"].as_array();
    for (name, field) in properties {
        let dot = if before.is_empty() || before.ends_with('.') { "" } else { "." };
        let path = format!("{before}{dot}{name}");
        let is_required = required.is_some_and(|all| all.iter().any(|it| it == name));
        let optional = if is_required { "" } else { ", optional" };
        let row = (path.clone(), format!("{}{optional}", kind(field)), about(field));
        if !rows.iter().any(|(known, ..)| *known == path) {
            rows.push(row);
            fields(rows, &path, field);
        }
    }
}

/// The schema without the alternative `null`.
fn solid(schema: &Value) -> &Value {
    let either = schema["anyOf"].as_array();
    let solid = either.and_then(|all| all.iter().find(|it| it["type"] != "null"));
    solid.unwrap_or(schema)
}

fn variants(schema: &Value) -> impl Iterator<Item = &Value> {
    let either = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    either.into_iter().flatten()
}

/// The tag of a variant, and its other fields.
fn variant_parts(variant: &Value) -> (String, Vec<String>) {
    let none = Map::new();
    let properties = variant["properties"].as_object().unwrap_or(&none);
    let tag = properties.values().find_map(|it| it["const"].as_str());
    let others = properties.iter().filter(|(_, it)| it.get("const").is_none());
    let others = others.map(|(name, _)| format!("`{name}`")).collect();
    (tag.or_else(|| variant["const"].as_str()).unwrap_or("?").to_owned(), others)
}

/// A type with its limits, in words.
fn kind(schema: &Value) -> String {
    let or_null = if is_nullable(schema) { " or null" } else { "" };
    let schema = solid(schema);
    let tags: Vec<_> = match schema["enum"].as_array() {
        Some(all) => all.iter().filter_map(Value::as_str).map(|it| format!("`{it}`")).collect(),
        None => variants(schema).map(variant_parts).map(|(tag, _)| format!("`{tag}`")).collect(),
    };
    if !tags.is_empty() && tags.iter().all(|tag| tag != "`?`") {
        return format!("{}{or_null}", tags.join(", "));
    }
    if let Some(only) = schema["const"].as_str() {
        return format!("`{only}`");
    }
    let name = match &schema["type"] {
        Value::String(name) => name.as_str(),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).find(|it| *it != "null").unwrap_or("any")
        }
        _ => "any",
    };
    if name == "array" {
        return format!("array of {}{or_null}", kind(&schema["items"]));
    }
    let name = match schema["format"].as_str() {
        Some("date") => "date",
        _ => name,
    };
    format!("{name}{}{or_null}", bounds(schema))
}

fn is_nullable(schema: &Value) -> bool {
    let null = Value::from("null");
    let in_types = schema["type"].as_array().is_some_and(|all| all.contains(&null));
    in_types
        || schema["anyOf"].as_array().is_some_and(|all| all.iter().any(|it| it["type"] == null))
}

fn bounds(schema: &Value) -> String {
    let number = |name: &str| schema.get(name).and_then(Value::as_i64);
    let range = |low: Option<i64>, high: Option<i64>| match (low, high) {
        (Some(low), Some(high)) => Some(format!("{low} to {high}")),
        (Some(low), None) => Some(format!("{low} or more")),
        (None, Some(high)) => Some(format!("at most {high}")),
        (None, None) => None,
    };
    let length = range(number("minLength"), number("maxLength"));
    let length = length.map(|it| format!(" of {it} characters"));
    let value = range(number("minimum"), number("maximum")).map(|it| format!(", {it}"));
    length.or(value).unwrap_or_default()
}

/// The description in the contract, on one line.
fn about(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace("[`", "`").replace("`]", "`").replace('|', "\\|")
}
