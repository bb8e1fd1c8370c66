//! The documentation: the OpenAPI document, the reference, and a page for each kind of problem.

use schemars::{JsonSchema, json_schema};
use serde_json::Value;

use super::table::RouteTable;
use crate::api_request::ApiRequest;
use crate::http::{HttpResult, response};
use crate::openapi::{ApiDocs, Operation, ParameterIn, reference};
use crate::problem::{Problem, kinds};

const HTML: &str = "text/html; charset=utf-8";
const HTML_ONLY: &[&str] = &["text/html"];

/// Any JSON object.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct AnyObject(serde_json::Map<String, Value>);

pub(crate) fn add(table: RouteTable) -> RouteTable {
    let openapi = Operation::get("/openapi.json", "openapi", "Get the OpenAPI document")
        .description("The description of this API, as data.")
        .responds::<AnyObject>(200, "The document, in OpenAPI 3.1.");
    let docs = Operation::get("/docs", "docs", "Read the reference")
        .description("The description of this API, as a page.")
        .responds_as(200, "The page.", HTML_ONLY, None);
    let problems = Operation::get("/problems", "problem_pages", "List the kinds of problems")
        .description("A page with every kind of problem that a request can fail with.")
        .responds_as(200, "The page.", HTML_ONLY, None);
    let name = |_: &mut _| {
        let names: Vec<_> = kinds::ALL.iter().map(|kind| kind.name).collect();
        json_schema!({ "type": "string", "enum": names })
    };
    let problem = Operation::get("/problems/{name}", "problem_page", "Explain a problem")
        .description("A page that explains one kind of problem and says what to do.")
        .with(ParameterIn::Path, "name", name, "The last part of a problem's `type`.")
        .responds_as(200, "The page.", HTML_ONLY, None)
        .problems(&[&kinds::NOT_FOUND]);
    table
        .route(openapi, |request| async move {
            Ok(response::from_bytes(200, "application/json", built(&request).openapi.clone()))
        })
        .route(docs, |request| async move {
            Ok(response::from_bytes(200, HTML, built(&request).reference.clone()))
        })
        .route(problems, |_| async { Ok(response::from_bytes(200, HTML, reference::problems())) })
        .route(problem, problem_page)
}

fn built(request: &ApiRequest) -> &ApiDocs {
    request.app.docs.get().expect("set before anything is served")
}

async fn problem_page(request: ApiRequest) -> HttpResult {
    let name: String = request.path("name")?;
    let kind = kinds::ALL.iter().find(|kind| kind.name == name);
    let kind = kind.ok_or_else(|| {
        let detail = format!("there is no kind of problem called {name:?}");
        Problem::new(&kinds::NOT_FOUND, detail).at("name")
    })?;
    Ok(response::from_bytes(200, HTML, reference::problem(kind)))
}
