//! Pages: the OpenAPI document, the reference made of it, and a page for each kind of problem.

use std::sync::Arc;

use schemars::{JsonSchema, json_schema};

use super::Routes;
use crate::answer::{self, Answered};
use crate::ask::Ask;
use crate::openapi::{Document, Operation};
use crate::problem::{Problem, kinds};
use crate::reference;

const HTML: &str = "text/html; charset=utf-8";
const HTML_ONLY: &[&str] = &["text/html"];

/// Any JSON object.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is asked for")]
struct AnyObject(serde_json::Map<String, serde_json::Value>);

/// The pages that describe themselves too, so that they stand in their own document.
pub(crate) fn describe(routes: Routes) -> Routes {
    let problem = Operation::get("/problems/{name}", "problem_page", "What a problem means")
        .with(
            crate::openapi::Place::Path,
            "name",
            |_| {
                let names: Vec<_> = kinds::ALL.iter().map(|kind| kind.name).collect();
                json_schema!({ "type": "string", "enum": names })
            },
            "The last part of a problem's `type`.",
        )
        .tells_as(200, "A page.", HTML_ONLY, None)
        .fails(&[&kinds::NOT_FOUND]);
    let problems = Operation::get("/problems", "problem_pages", "All kinds of problems")
        .tells_as(200, "A page.", HTML_ONLY, None);
    routes
        .group("Server")
        .line(problem, problem_page)
        .line(problems, |_| async { Ok(answer::bytes(200, HTML, reference::problems())) })
}

/// The pages made of the finished document.
pub(crate) fn draw(routes: Routes, document: &Document) -> Routes {
    let json: Arc<[u8]> = serde_json::to_vec(&document.json).expect("plain data").into();
    let page: Arc<[u8]> = reference::page(&document.json).into_bytes().into();
    let openapi = Operation::get("/openapi.json", "openapi", "This description")
        .tells::<AnyObject>(200, "OpenAPI 3.1.");
    let docs = Operation::get("/docs", "docs", "This description, to read")
        .tells_as(200, "A page.", HTML_ONLY, None);
    routes
        .line(openapi, move |_| {
            let json = Arc::clone(&json);
            async move { Ok(answer::bytes(200, "application/json", &*json)) }
        })
        .line(docs, move |_| {
            let page = Arc::clone(&page);
            async move { Ok(answer::bytes(200, HTML, &*page)) }
        })
}

async fn problem_page(ask: Ask) -> Answered {
    let name: String = ask.path("name")?;
    let kind = kinds::ALL.iter().find(|kind| kind.name == name);
    let kind = kind.ok_or_else(|| {
        let detail = format!("there is no kind of problem called {name:?}");
        Problem::new(&kinds::NOT_FOUND, detail).at("name")
    })?;
    Ok(answer::bytes(200, HTML, reference::problem(kind)))
}
