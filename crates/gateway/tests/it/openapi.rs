//! The OpenAPI document describes every route.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::node::Node;

/// All routes.
const ROUTES: [&str; 34] = [
    "DELETE /v1/allocations/{order_id}/{line_id}",
    "DELETE /v1/holds/{order_id}",
    "GET /allocations/{order_id}",
    "GET /docs",
    "GET /healthz",
    "GET /metrics",
    "GET /openapi.json",
    "GET /problems",
    "GET /problems/{name}",
    "GET /readyz",
    "GET /v1/allocations/{order_id}/{line_id}",
    "GET /v1/allocations/{order_id}/{line_id}/explain",
    "GET /v1/batches/{reference}",
    "GET /v1/feeds/{service}/{partition}",
    "GET /v1/orders/{order_id}/allocations",
    "GET /v1/parked/{service}",
    "GET /v1/stock",
    "GET /v1/stock/{sku}",
    "GET /v1/stock/{sku}/history",
    "PATCH /v1/batches/{reference}",
    "POST /add_batch",
    "POST /allocate",
    "POST /v1/allocations",
    "POST /v1/allocations/bulk",
    "POST /v1/batches",
    "POST /v1/batches/{reference}/close",
    "POST /v1/holds",
    "POST /v1/holds/{order_id}/confirm",
    "POST /v1/holds/{order_id}/extend",
    "GET /v1/holds",
    "GET /v1/holds/{order_id}",
    "POST /v1/parked/{service}/replay",
    "POST /v1/returns",
    "POST /v1/shipments",
];

async fn document() -> Value {
    Node::open().await.get("/openapi.json").await.json()
}

#[tokio::test]
async fn every_route_is_described() {
    let document = document().await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut routes = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let route = format!("{} {path}", method.to_uppercase());
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} is used twice");
            for text in ["summary", "description"] {
                assert!(
                    operation[text].as_str().is_some_and(|it| !it.is_empty()),
                    "{route}: {text}"
                );
            }
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{route}");
            for name in path.split('{').skip(1).map(|it| it.split('}').next().unwrap()) {
                let parameters = operation["parameters"].as_array().unwrap();
                let is_described = |it: &Value| it["name"] == name && it["in"] == "path";
                assert!(parameters.iter().any(is_described), "{route}: {name}");
            }
            routes.insert(route);
        }
    }
    assert_eq!(routes, ROUTES.map(str::to_owned).into());
}

#[tokio::test]
async fn every_reference_resolves() {
    let document = document().await;
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 30);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                found.push(reference.clone());
            }
            members.values().for_each(|it| collect(it, found));
        }
        Value::Array(items) => items.iter().for_each(|it| collect(it, found)),
        _ => {}
    }
}

#[tokio::test]
async fn inputs_are_closed_and_bounded() {
    let document = document().await;
    let schemas = &document["components"]["schemas"];
    for name in [
        "AddBatch",
        "AllocateLine",
        "Allocate",
        "CreateBatch",
        "BatchChange",
        "Hold",
        "HoldLine",
        "Ship",
        "Return",
    ] {
        assert_eq!(schemas[name]["additionalProperties"], false, "{name}");
    }
    let quantity = &schemas["Allocate"]["properties"]["quantity"];
    assert_eq!(
        (quantity["minimum"].as_u64(), quantity["maximum"].as_u64()),
        (Some(1), Some(1_000_000_000))
    );
}

#[tokio::test]
async fn the_reference_page_shows_every_route() {
    let node = Node::open().await;
    let page = node.get("/docs").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let document = node.get("/openapi.json").await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(page.body.contains(&format!("id=\"{id}\"")), "{id}");
        }
        assert!(page.body.contains(&format!(">{path}</span>")), "{path}");
    }
    assert!(!page.body.contains("http://") && !page.body.contains("<script"));
}
