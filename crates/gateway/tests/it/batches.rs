//! Batches over HTTP.

use insta::assert_snapshot;

use crate::node::Node;

const LAMPS: &str = r#"{"reference":"b1","sku":"LAMP","quantity":10}"#;

#[tokio::test]
async fn a_batch_is_created_once_and_read() {
    let node = Node::open().await;
    assert_snapshot!(node.post("/v1/batches", LAMPS).await, @r#"
    201 Created
    content-type: application/json
    etag: "b1"
    location: /v1/batches/b1
    {"batch":{"reference":"b1","sku":"LAMP","purchased_quantity":10,"allocated_quantity":0,"held_quantity":0,"available_quantity":10,"eta":null,"expires":null,"state":"in_warehouse","version":1},"moved":[]}
    "#);
    assert_snapshot!(node.post("/v1/batches", LAMPS).await, @r#"
    200 OK
    content-type: application/json
    etag: "b1"
    {"batch":{"reference":"b1","sku":"LAMP","purchased_quantity":10,"allocated_quantity":0,"held_quantity":0,"available_quantity":10,"eta":null,"expires":null,"state":"in_warehouse","version":1},"moved":[]}
    "#);
    let other = r#"{"reference":"b1","sku":"LAMP","quantity":11}"#;
    assert_snapshot!(node.post("/v1/batches", other).await, @r#"
    409 Conflict
    content-type: application/problem+json
    {"type":"/problems/batch-exists","title":"Batch exists","status":409,"detail":"another batch has the reference b1: quantity differs","message":"another batch has the reference b1: quantity differs","outcome":"none","field":"quantity","reference":"b1"}
    "#);
    assert_snapshot!(node.get("/v1/batches/b1").await, @r#"
    200 OK
    content-type: application/json
    etag: "b1"
    {"reference":"b1","sku":"LAMP","purchased_quantity":10,"allocated_quantity":0,"held_quantity":0,"available_quantity":10,"eta":null,"expires":null,"state":"in_warehouse","version":1}
    "#);
    assert_snapshot!(node.get("/v1/batches/nope").await, @r#"
    404 Not Found
    content-type: application/problem+json
    {"type":"/problems/unknown-batch","title":"Unknown batch","status":404,"detail":"no batch has the reference nope","message":"no batch has the reference nope","outcome":"none","field":"reference","reference":"nope"}
    "#);
}

#[tokio::test]
async fn a_reference_is_escaped_in_a_path() {
    let node = Node::open().await;
    let batch = r#"{"reference":"20 % / été?","sku":"A/B","quantity":1}"#;
    let created = node.post("/v1/batches", batch).await;
    let location = created.header("location").unwrap();
    assert_eq!(location, "/v1/batches/20%20%25%20%2F%20%C3%A9t%C3%A9%3F");
    assert_eq!(node.get(location).await.json()["reference"], "20 % / été?");
    assert_eq!(node.get("/v1/stock/A%2FB").await.json()["available"], 1);
}

#[tokio::test]
async fn a_current_copy_of_a_batch_gets_304() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 10).await;
    let known = node.get("/v1/batches/b1\nIf-None-Match: \"b0\", W/\"b1\"").await;
    assert_snapshot!(known, @r#"
    304 Not Modified
    etag: "b1"
    "#);
    let unknown = node.get("/v1/batches/b1\nIf-None-Match: \"b2\"").await;
    assert_eq!((unknown.status, unknown.header("cache-control")), (200, Some("no-cache")));
}

#[tokio::test]
async fn a_smaller_batch_moves_its_lines_as_in_the_dry_run() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 10).await;
    node.batch("b2", "LAMP", 5).await;
    node.post("/v1/allocations", r#"{"order_id":"o1","sku":"LAMP","quantity":4}"#).await;
    let change = r#"{"quantity":2,"reason":"water damage"}"#;
    let rehearsed = node.request("PATCH /v1/batches/b1?dry_run=true", change).await;
    assert_snapshot!(rehearsed, @r#"
    200 OK
    content-type: application/json
    {"batch":{"reference":"b1","sku":"LAMP","purchased_quantity":2,"allocated_quantity":0,"held_quantity":0,"available_quantity":2,"eta":null,"expires":null,"state":"in_warehouse","version":4},"moved":[{"order_id":"o1","line_id":"LAMP","from":"b1","to":"b2"}],"plan":"plan-2ce7e3e69f24b5db","dry_run":true,"events":[{"type":"allocation.batch_resized","data":{"batch":"b1","from":10,"to":2,"reason":"water damage"}},{"type":"allocation.deallocated","data":{"order_id":"o1","line_id":"LAMP","quantity":4,"batch":"b1","reason":"the batch shrank"}},{"type":"allocation.allocated","data":{"order_id":"o1","line_id":"LAMP","quantity":4,"batch":"b2","day":"2026-01-01","promised":"2026-01-01","priority":5,"passed_over":[{"batch":"b1","why":"too_small","available":2}],"again":true}}]}
    "#);
    let plan = rehearsed.json()["plan"].as_str().unwrap().to_owned();
    let other = r#"{"quantity":3,"reason":"water damage"}"#;
    let other = node.request(&format!("PATCH /v1/batches/b1\nIf-Match: \"{plan}\""), other).await;
    assert_eq!(other.status, 412, "the plan was made for another quantity");
    let changed =
        node.request(&format!("PATCH /v1/batches/b1\nIf-Match: \"{plan}\""), change).await;
    assert_snapshot!(changed, @r#"
    200 OK
    content-type: application/json
    etag: "b4"
    {"batch":{"reference":"b1","sku":"LAMP","purchased_quantity":2,"allocated_quantity":0,"held_quantity":0,"available_quantity":2,"eta":null,"expires":null,"state":"in_warehouse","version":4},"moved":[{"order_id":"o1","line_id":"LAMP","from":"b1","to":"b2"}],"plan":"plan-2ce7e3e69f24b5db"}
    "#);
    let again = node.request(&format!("PATCH /v1/batches/b1\nIf-Match: \"{plan}\""), change).await;
    assert_snapshot!(again, @r#"
    412 Precondition Failed
    content-type: application/problem+json
    {"type":"/problems/changed","title":"Precondition failed","status":412,"detail":"the batch b1 has changed meanwhile","message":"the batch b1 has changed meanwhile","outcome":"none","field":"If-Match","etag":"\"b4\"","reference":"b1"}
    "#);
}

#[tokio::test]
async fn if_match_is_a_list_of_tags_or_a_star() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 10).await;
    let change = r#"{"quantity":12,"reason":"recount"}"#;
    let stale = node.request("PATCH /v1/batches/b1\nIf-Match: \"b7\"", change).await;
    assert_snapshot!(stale, @r#"
    412 Precondition Failed
    content-type: application/problem+json
    {"type":"/problems/changed","title":"Precondition failed","status":412,"detail":"the batch b1 has changed meanwhile","message":"the batch b1 has changed meanwhile","outcome":"none","field":"If-Match","etag":"\"b1\"","reference":"b1"}
    "#);
    let listed = node.request("PATCH /v1/batches/b1\nIf-Match: \"b7\", \"b1\"", change).await;
    assert_eq!((listed.status, listed.header("etag")), (200, Some("\"b2\"")));
    let starred = node.request("PATCH /v1/batches/b1\nIf-Match: *", change).await;
    assert_eq!(starred.status, 200);
    let weak = node.request("PATCH /v1/batches/b1\nIf-Match: W/\"b2\",\"a,b\"", change).await;
    assert_eq!(weak.status, 412);
    let bad = node.request("PATCH /v1/batches/b1\nIf-Match: b1", change).await;
    assert_snapshot!(bad, @r#"
    400 Bad Request
    content-type: application/problem+json
    {"type":"/problems/invalid-input","title":"Invalid input","status":400,"detail":"If-Match must be * or entity tags like \"b1\"","message":"If-Match must be * or entity tags like \"b1\"","outcome":"none","field":"If-Match"}
    "#);
}

#[tokio::test]
async fn an_eta_of_null_means_that_the_batch_has_arrived() {
    let node = Node::open().await;
    let incoming = r#"{"reference":"b1","sku":"LAMP","quantity":10,"eta":"2026-02-01"}"#;
    node.post("/v1/batches", incoming).await;
    let later = node.request("PATCH /v1/batches/b1", r#"{"eta":"2026-03-01","reason":"slipped"}"#);
    assert_eq!(later.await.json()["batch"]["eta"], "2026-03-01");
    let kept = node.request("PATCH /v1/batches/b1", r#"{"quantity":9,"reason":"recount"}"#).await;
    assert_eq!(kept.json()["batch"]["eta"], "2026-03-01");
    let arrived = node.request("PATCH /v1/batches/b1", r#"{"eta":null,"reason":"here"}"#).await;
    assert_eq!(arrived.json()["batch"]["state"], "in_warehouse");
}

#[tokio::test]
async fn a_closed_batch_cannot_change() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 10).await;
    assert_snapshot!(node.post("/v1/batches/b1/close", "").await, @r#"
    200 OK
    content-type: application/json
    etag: "b2"
    {"batch":{"reference":"b1","sku":"LAMP","purchased_quantity":10,"allocated_quantity":0,"held_quantity":0,"available_quantity":0,"eta":null,"expires":null,"state":"closed","version":2},"moved":[],"plan":"plan-632d4c4d5bfaf39b"}
    "#);
    let change = r#"{"quantity":12,"reason":"recount"}"#;
    assert_snapshot!(node.request("PATCH /v1/batches/b1", change).await, @r#"
    409 Conflict
    content-type: application/problem+json
    {"type":"/problems/batch-closed","title":"Batch closed","status":409,"detail":"the batch b1 is closed","message":"the batch b1 is closed","outcome":"none","field":"reference","reference":"b1"}
    "#);
    let reason = r#"{"reason":"sold"}"#;
    assert_eq!(node.post("/v1/batches/nope/close", reason).await.status, 404);
}
