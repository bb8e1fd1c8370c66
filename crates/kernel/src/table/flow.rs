//! The flow map of a service: which messages lead to which, derived from its table.

use std::fmt::Write;

use serde::Serialize;

use crate::table::service::Service;

const INFALLIBLE: &str = "writing to a string cannot fail";

/// One edge of the map: an entry of the table by which `from` leads to `to`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Edge {
    /// A command, a message, an event, a query, or when a hook runs.
    pub from: String,
    /// `handles`, `handles together`, `orchestrates`, `translates`, `on`, `reacts`, `view`,
    /// `publishes`, `timer`,
    /// `effect` or `answers`.
    pub verb: &'static str,
    /// The name of the function or view.
    pub by: String,
    /// The resulting event or command; empty if there is none.
    pub to: String,
}

/// The flow map of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flow {
    /// The service's name.
    pub service: &'static str,
    /// All edges, sorted.
    pub edges: Vec<Edge>,
}

impl Service {
    /// The map of this service.
    #[must_use]
    pub fn flow(&self) -> Flow {
        let mut edges = Vec::new();
        let mut add = |from: &str, verb, by: &str, to: &str| {
            edges.push(Edge { from: from.into(), verb, by: by.into(), to: to.into() });
        };
        for it in &self.commands {
            it.records.iter().for_each(|event| add(it.command, "handles", it.handler, event));
            if it.records.is_empty() {
                add(it.command, "handles", it.handler, "");
            }
        }
        for it in &self.composites {
            it.sends.iter().for_each(|sent| add(it.command, "handles together", it.by, sent));
        }
        self.procedures.iter().for_each(|it| add(it.command, "orchestrates", it.procedure, ""));
        self.translations.iter().for_each(|it| add(it.message, "translates", it.by, it.command));
        for it in &self.follow_ups {
            it.records.iter().for_each(|event| add(it.fact, "on", it.by, event));
        }
        self.reactions.iter().for_each(|it| add(it.event, "reacts", it.by, it.command));
        self.schema.publications.iter().for_each(|it| add(it.fact, "publishes", it.by, it.event));
        self.schema.timers.iter().for_each(|it| add(it.fact, "timer", it.by, ""));
        self.queries.iter().for_each(|it| add(it.query, "answers", it.by, ""));
        for it in &self.effects {
            let due = format!("(an operation of {} is due)", it.name);
            it.commands.iter().for_each(|command| add(&due, "effect", it.by, command));
            if it.commands.is_empty() {
                add(&due, "effect", it.by, "");
            }
        }
        for it in &self.schema.views {
            let followed = format!("every event of {}", self.schema.kinds.get(it.kind).name);
            add(&followed, "view", it.name, "");
        }
        edges.sort();
        edges.dedup();
        Flow { service: self.schema.service, edges }
    }
}

impl Flow {
    /// The map as a Markdown table.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text =
            format!("## {}\n\n| from | verb | by | to |\n|---|---|---|---|\n", self.service);
        for Edge { from, verb, by, to } in &self.edges {
            writeln!(text, "| {from} | {verb} | `{by}` | {to} |").expect(INFALLIBLE);
        }
        text
    }

    /// The map as lines of text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.service);
        for Edge { from, verb, by, to } in &self.edges {
            let arrow = if to.is_empty() { String::new() } else { format!(" -> {to}") };
            writeln!(text, "  {from} --{verb} {by}{arrow}").expect(INFALLIBLE);
        }
        text
    }

    /// The map as a Mermaid flowchart.
    #[must_use]
    pub fn mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        for Edge { from, verb, by, to } in &self.edges {
            let (from, by_id, to_id) = (id(from), id(by), id(to));
            let (from_label, to_label) = (label(&self.edges, &from), to);
            writeln!(text, "  {from}[\"{from_label}\"] -- {verb} --> {by_id}(\"{by}\")")
                .expect(INFALLIBLE);
            if !to.is_empty() {
                writeln!(text, "  {by_id} --> {to_id}[\"{to_label}\"]").expect(INFALLIBLE);
            }
        }
        text
    }
}

fn id(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// The original name behind a Mermaid id.
fn label(edges: &[Edge], wanted: &str) -> String {
    let found = edges.iter().find(|edge| id(&edge.from) == wanted);
    found.map_or_else(String::new, |edge| edge.from.clone())
}
