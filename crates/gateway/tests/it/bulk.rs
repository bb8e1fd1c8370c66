//! Bulk requests.

use earmark_gateway::Settings;
use earmark_kernel::log::LogStore;
use insta::assert_snapshot;

use crate::node::Node;

const BULK: &str = "POST /v1/allocations/bulk";
const NDJSON: &str = "POST /v1/allocations/bulk\nContent-Type: application/x-ndjson";

fn line(order: usize, sku: &str) -> String {
    format!(r#"{{"order_id":"o{order}","sku":"{sku}","quantity":1}}"#)
}

fn lines(count: usize) -> String {
    let lines: Vec<_> = (0..count).map(|order| line(order, "LAMP")).collect();
    format!("[{}]", lines.join(","))
}

#[tokio::test]
async fn each_line_has_its_own_result_in_order() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 1).await;
    let lines = [line(1, "LAMP"), line(2, "LAMP"), line(3, "NOPE"), line(1, "LAMP")];
    assert_snapshot!(node.request(BULK, &format!("[{}]", lines.join(","))).await, @r#"
    200 OK
    content-type: application/json
    [{"status":201,"outcome":"placed","order_id":"o1","line_id":"LAMP","sku":"LAMP","quantity":1,"state":"placed","batch":"b1","promised":"2026-01-01","need_by":null,"priority":5,"shipped_quantity":0,"returned_quantity":0,"held_until_ms":null,"explanation":{"chosen":"b1","because":"the first batch in the warehouse that takes the whole line","passed_over":[],"exhausted":1}},{"type":"/problems/out-of-stock","title":"Out of stock","status":409,"detail":"no batch can take 1 of LAMP: one has at most 0 available","message":"no batch can take 1 of LAMP: one has at most 0 available","outcome":"none","field":"quantity","available":0,"earliest":null,"requested":1,"sku":"LAMP"},{"type":"/problems/unknown-sku","title":"Unknown SKU","status":404,"detail":"Invalid sku NOPE","message":"Invalid sku NOPE","outcome":"none","field":"sku","sku":"NOPE"},{"status":200,"outcome":"placed","order_id":"o1","line_id":"LAMP","sku":"LAMP","quantity":1,"state":"placed","batch":"b1","promised":"2026-01-01","need_by":null,"priority":5,"shipped_quantity":0,"returned_quantity":0,"held_until_ms":null,"explanation":{"chosen":"b1","because":"the first batch in the warehouse that takes the whole line","passed_over":[],"exhausted":1}}]
    "#);
    let waiting = line(4, "LAMP").replace("}", r#","short":"queue"}"#);
    let lines = format!("{}\n\n{waiting}\n", line(1, "LAMP"));
    assert_snapshot!(node.request(NDJSON, &lines).await, @r#"
    200 OK
    content-type: application/x-ndjson
    {"status":200,"outcome":"placed","order_id":"o1","line_id":"LAMP","sku":"LAMP","quantity":1,"state":"placed","batch":"b1","promised":"2026-01-01","need_by":null,"priority":5,"shipped_quantity":0,"returned_quantity":0,"held_until_ms":null,"explanation":{"chosen":"b1","because":"the first batch in the warehouse that takes the whole line","passed_over":[],"exhausted":1}}
    {"status":202,"outcome":"short","order_id":"o4","line_id":"LAMP","sku":"LAMP","quantity":1,"state":"short","batch":null,"promised":null,"need_by":null,"priority":5,"shipped_quantity":0,"returned_quantity":0,"held_until_ms":null,"earliest":null}
    "#);
}

#[tokio::test]
async fn nothing_is_done_if_one_line_cannot_be_read() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 10).await;
    let lines = [line(1, "LAMP"), line(2, "LAMP").replace(":1}", ":0}")];
    assert_snapshot!(node.request(BULK, &format!("[{}]", lines.join(","))).await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {"type":"/problems/invalid-input","title":"Invalid input","status":400,"detail":"[1].quantity: must be a whole number from 1 to 1000000000","message":"[1].quantity: must be a whole number from 1 to 1000000000","outcome":"none","field":"[1].quantity"}
    "#);
    assert_snapshot!(node.request(NDJSON, &lines.join("\n")).await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {"type":"/problems/invalid-input","title":"Invalid input","status":400,"detail":"[1].quantity: must be a whole number from 1 to 1000000000","message":"[1].quantity: must be a whole number from 1 to 1000000000","outcome":"none","field":"[1].quantity"}
    "#);
    let broken = format!("{}\n{{\"order_id\"", line(1, "LAMP"));
    assert_snapshot!(node.request(NDJSON, &broken).await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {"type":"/problems/malformed-json","title":"Malformed JSON","status":400,"detail":"EOF while parsing an object (line 1 column 11)","message":"EOF while parsing an object (line 1 column 11)","outcome":"none","field":"[1]"}
    "#);
    assert_eq!(node.request(BULK, "[]").await.status, 400);
    assert_eq!(node.request(BULK, "{}").await.json()["field"], "body");
    assert_eq!(node.get("/v1/orders/o1/allocations").await.status, 404);
}

#[tokio::test]
async fn a_bulk_request_has_at_most_ten_thousand_lines() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 20_000).await;
    let answers = node.request(BULK, &lines(10_000)).await.json();
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 10_000);
    assert!(answers.iter().all(|it| it["status"] == 201));
    assert_eq!(answers[9_999]["order_id"], "o9999");
    assert_eq!(node.request(BULK, &lines(10_001)).await.status, 400);
}

#[tokio::test]
async fn a_repeated_key_replays_the_bytes_and_a_different_body_is_refused() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 5_000).await;
    let keyed = format!("{BULK}\nIdempotency-Key: k1");
    let first = node.request(&keyed, &lines(2_500)).await;
    let again = node.request(&keyed, &lines(2_500)).await;
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert!(first.body == again.body);
    assert_snapshot!(node.request(&keyed, &lines(3_000)).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {"type":"/problems/idempotency-key-reused","title":"Idempotency key reused","status":422,"detail":"the Idempotency-Key was used before with another request","message":"the Idempotency-Key was used before with another request","outcome":"none","field":"Idempotency-Key"}
    "#);
    assert_eq!(node.get("/v1/orders/o2999/allocations").await.status, 404);
}

#[tokio::test]
async fn a_thousand_lines_without_a_key_are_one_commit() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 1_000).await;
    let before = node.log.head().unwrap();
    assert_eq!(node.request(BULK, &lines(1_000)).await.status, 200);
    let records = node.log.read_after(before, 2_000).unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].last_seq, before + 1_000);
}

#[tokio::test]
async fn a_bulk_dry_run_records_nothing() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 10).await;
    let reply = node.request("POST /v1/allocations/bulk?dry_run=true", &lines(3)).await;
    assert_eq!(reply.json()[2]["status"], 200);
    assert_eq!(node.get("/v1/stock/LAMP").await.json()["allocated"], 0);
}

#[tokio::test]
async fn a_bulk_body_has_its_own_limit() {
    let settings = Settings { body_bytes_max: 10, ..Settings::default() };
    let node = Node::with(Settings { bulk_bytes_max: 100, ..settings }).await;
    assert_eq!(node.request(BULK, &format!("[{}]", line(1, "NOPE"))).await.status, 200);
    assert_eq!(node.request(BULK, &lines(3)).await.status, 413);
}
