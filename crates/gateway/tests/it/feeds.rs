//! Feeds over HTTP.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use serde_json::Value;

use crate::node::{Node, start};

const FEED: &str = "/v1/feeds/allocation/0";

async fn allocate(node: &Node, order: &str) {
    let line = format!(r#"{{"order_id":"{order}","sku":"LAMP","quantity":1}}"#);
    assert_eq!(node.post("/v1/allocations", &line).await.status, 201);
}

#[tokio::test]
async fn public_events_are_read_from_any_sequence_number() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 10).await;
    allocate(&node, "o1").await;
    // A key stores a response in the log, too, so the numbers of public events have a gap.
    let head = "POST /v1/allocations\nIdempotency-Key: k1";
    node.request(head, r#"{"order_id":"o2","sku":"LAMP","quantity":1}"#).await;
    allocate(&node, "o3").await;
    let all = node.get(FEED).await;
    let all = all.json();
    let events = all.as_array().unwrap();
    assert_eq!(events.len(), 3);
    let mut previous = "0";
    for event in events {
        assert_eq!(event["previous"], previous);
        previous = event["sequence"].as_str().unwrap();
    }
    let gap = |at: usize| events[at]["sequence"].as_str().unwrap().parse::<u64>().unwrap();
    assert!(gap(2) > gap(1) + 1);
    assert_snapshot!(node.get(&format!("{FEED}?after={}&limit=1", gap(0))).await, @r#"
    200 OK
    content-type: application/cloudevents-batch+json
    [{"specversion":"1.0","id":"0198c0de-0000-7000-8000-000000000001-0-4","source":"/allocation/0","type":"allocation.line_allocated","time":"2026-01-01T00:00:00Z","datacontenttype":"application/json","partitionkey":"LAMP","sequence":"4","previous":"3","causationid":"00000000-0000-0001-0000-000000000003","correlationid":"00000000-0000-0001-0000-000000000003","data":{"orderid":"o2","sku":"LAMP","qty":1,"batchref":"b1","line_id":"LAMP","promised":"2026-01-01","held_until_ms":null}}]
    "#);
    assert_snapshot!(node.get(&format!("{FEED}?after={}", gap(2))).await, @"
    200 OK
    content-type: application/cloudevents-batch+json
    []
    ");
}

#[tokio::test]
async fn a_reader_waits_for_a_new_event() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 10).await;
    let mut waiting = node.client().await;
    let reading = start(async move { waiting.request(&format!("GET {FEED}?wait_s=30"), "").await });
    // An event that is not public does not end the wait.
    node.batch("b2", "LAMP", 10).await;
    allocate(&node, "o1").await;
    let reply = reading.await.unwrap();
    assert_eq!(reply.json()[0]["data"]["orderid"], "o1");
}

#[tokio::test]
async fn a_waiting_reader_does_not_delay_the_stop() {
    let mut node = Node::open().await;
    let mut waiting = node.client().await;
    waiting.send(crate::client::request(&format!("GET {FEED}?wait_s=30"), "")).await;
    // A response on another connection: the server has had time to start the first request.
    assert_eq!(node.get("/healthz").await.status, 200);
    node.stop();
    assert_eq!(waiting.read().await.map_or(200, |reply| reply.status), 200);
    assert!(node.stopped().await);
}

#[tokio::test]
async fn an_unknown_feed_is_a_problem() {
    let node = Node::open().await;
    assert_snapshot!(node.get("/v1/feeds/nope/0").await, @r#"
    404 Not Found
    content-type: application/problem+json
    {"type":"/problems/unknown-feed","title":"Unknown feed","status":404,"detail":"there is no such service, or no such partition of it","message":"there is no such service, or no such partition of it","outcome":"none","field":"service"}
    "#);
    assert_snapshot!(node.get("/v1/feeds/allocation/7?wait_s=1").await, @r#"
    404 Not Found
    content-type: application/problem+json
    {"type":"/problems/unknown-feed","title":"Unknown feed","status":404,"detail":"there is no such service, or no such partition of it","message":"there is no such service, or no such partition of it","outcome":"none","field":"service"}
    "#);
    assert_snapshot!(node.get("/v1/feeds/allocation/x").await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {"type":"/problems/invalid-input","title":"Invalid input","status":400,"detail":"partition must be a whole number from 0","message":"partition must be a whole number from 0","outcome":"none","field":"partition"}
    "#);
    assert_eq!(node.get(&format!("{FEED}?wait_s=31")).await.json()["field"], "wait_s");
    assert_eq!(node.get(&format!("{FEED}?after=-1")).await.json()["field"], "after");
}

#[tokio::test]
async fn the_schema_of_an_event_has_the_attributes_that_are_written() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 10).await;
    allocate(&node, "o1").await;
    let events = node.get(FEED).await.json();
    let written: BTreeSet<&String> = events[0].as_object().unwrap().keys().collect();
    let document = node.get("/openapi.json").await.json();
    let schema = &document["components"]["schemas"]["CloudEvent"];
    let described: BTreeSet<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(described, written);
    let required = schema["required"].as_array().unwrap().iter().filter_map(Value::as_str);
    let required: BTreeSet<String> = required.map(str::to_owned).collect();
    assert_eq!(required, written.into_iter().cloned().collect());
    for (name, value) in events[0].as_object().unwrap().iter().filter(|(name, _)| *name != "data") {
        assert_eq!(schema["properties"][name]["type"], "string", "{name}: {value}");
        assert!(value.is_string(), "{name}: {value}");
    }
}
