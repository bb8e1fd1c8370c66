//! Pages: the OpenAPI document, the reference made of it, and a page for each kind of problem.

use schemars::{JsonSchema, json_schema};
use serde_json::Value;

use super::Routes;
use crate::answer::{self, Answered};
use crate::api_docs;
use crate::api_request::ApiRequest;
use crate::openapi::{Operation, Place};
use crate::problem::{Problem, kinds};

const HTML: &str = "text/html; charset=utf-8";
const HTML_ONLY: &[&str] = &["text/html"];

/// Any JSON object.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is asked for")]
struct AnyObject(serde_json::Map<String, Value>);

/// What is made once, when the table is drawn, and then given to everybody.
pub(crate) struct Pages {
    openapi: Vec<u8>,
    reference: String,
}

impl Pages {
    pub(crate) fn of(document: &Value) -> Self {
        let openapi = serde_json::to_vec(document).expect("a document is plain data");
        Self { openapi, reference: api_docs::page(document) }
    }
}

pub(crate) fn draw(routes: Routes) -> Routes {
    let openapi = Operation::get("/openapi.json", "openapi", "This description")
        .responds::<AnyObject>(200, "OpenAPI 3.1.");
    let docs = Operation::get("/docs", "docs", "This description, to read")
        .tells_as(200, "A page.", HTML_ONLY, None);
    let problems = Operation::get("/problems", "problem_pages", "All kinds of problems")
        .tells_as(200, "A page.", HTML_ONLY, None);
    let name = |_: &mut _| {
        let names: Vec<_> = kinds::ALL.iter().map(|kind| kind.name).collect();
        json_schema!({ "type": "string", "enum": names })
    };
    let problem = Operation::get("/problems/{name}", "problem_page", "What a problem means")
        .with(Place::Path, "name", name, "The last part of a problem's `type`.")
        .tells_as(200, "A page.", HTML_ONLY, None)
        .problems(&[&kinds::NOT_FOUND]);
    routes
        .line(openapi, |request| async move {
            Ok(answer::bytes(200, "application/json", pages(&request).openapi.clone()))
        })
        .line(docs, |request| async move {
            Ok(answer::bytes(200, HTML, pages(&request).reference.clone()))
        })
        .line(problems, |_| async { Ok(answer::bytes(200, HTML, api_docs::problems())) })
        .line(problem, problem_page)
}

fn pages(request: &ApiRequest) -> &Pages {
    request.app.pages.get().expect("made before anything is served")
}

async fn problem_page(request: ApiRequest) -> Answered {
    let name: String = request.path("name")?;
    let kind = kinds::ALL.iter().find(|kind| kind.name == name);
    let kind = kind.ok_or_else(|| {
        let detail = format!("there is no kind of problem called {name:?}");
        Problem::new(&kinds::NOT_FOUND, detail).at("name")
    })?;
    Ok(answer::bytes(200, HTML, api_docs::problem(kind)))
}
