//! Idempotency keys: one effect, the same bytes.

use insta::assert_snapshot;

use crate::node::{Node, start};

const LINE: &str = r#"{"order_id":"o1","sku":"LAMP","quantity":4}"#;
const KEYED: &str = "POST /v1/allocations\nIdempotency-Key: k1";

#[tokio::test]
async fn a_response_is_replayed_with_the_same_bytes() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 4).await;
    let first = node.request(KEYED, LINE).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, None));
    let again = node.request(KEYED, LINE).await;
    assert_snapshot!(again, @r#"
    201 Created
    content-type: application/json
    idempotent-replayed: true
    location: /v1/allocations/o1/LAMP
    {"outcome":"placed","order_id":"o1","line_id":"LAMP","sku":"LAMP","quantity":4,"state":"placed","batch":"b1","promised":"2026-01-01","need_by":null,"priority":5,"shipped_quantity":0,"returned_quantity":0,"held_until_ms":null,"explanation":{"chosen":"b1","because":"the first batch in the warehouse that takes the whole line","passed_over":[],"exhausted":1}}
    "#);
    assert_eq!(first.body, again.body);
    let other = r#"{"order_id":"o1","sku":"LAMP","quantity":3}"#;
    assert_snapshot!(node.request(KEYED, other).await, @r#"
    422 Unprocessable Entity
    content-type: application/problem+json
    {"type":"/problems/idempotency-key-reused","title":"Idempotency key reused","status":422,"detail":"the Idempotency-Key was used before with another request","message":"the Idempotency-Key was used before with another request","outcome":"none","field":"Idempotency-Key"}
    "#);
    let elsewhere = KEYED.replace("/v1/allocations", "/v1/allocations?dry_run=false");
    assert_eq!(node.request(&elsewhere, LINE).await.status, 422);
}

#[tokio::test]
async fn refusals_are_replayed_too() {
    let node = Node::open().await;
    let first = node.request(KEYED, LINE).await;
    node.batch("b1", "LAMP", 4).await;
    let again = node.request(KEYED, LINE).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (404, Some("true")));
    assert_eq!(first.body, again.body);
    let large = LINE.replace('4', "5");
    let keyed = KEYED.replace("k1", "k2");
    let first = node.request(&keyed, &large).await;
    let again = node.request(&keyed, &large).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (409, Some("true")));
    assert_eq!(first.body, again.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_concurrent_requests_with_one_key_have_one_effect() {
    let node = Node::open().await;
    node.batch("b0", "LAMP", 1_000).await;
    let hold = r#"{"order_id":"o2","lines":[{"sku":"LAMP","quantity":2}],"ttl_s":60}"#;
    let requests = [
        ("POST /v1/allocations\nIdempotency-Key: a", LINE),
        ("POST /v1/batches\nIdempotency-Key: b", r#"{"reference":"b1","sku":"LAMP","quantity":9}"#),
        ("POST /add_batch\nIdempotency-Key: c", r#"{"ref":"b2","sku":"LAMP","qty":9}"#),
        ("POST /v1/holds\nIdempotency-Key: d", hold),
        ("PATCH /v1/batches/b0\nIdempotency-Key: e", r#"{"quantity":900,"reason":"x"}"#),
        ("DELETE /v1/allocations/o9/LAMP\nIdempotency-Key: f", ""),
        ("POST /v1/shipments\nIdempotency-Key: g", r#"{"order_id":"o9","line_id":"LAMP"}"#),
    ];
    for (head, body) in requests {
        let mut asking = Vec::new();
        for _ in 0..50 {
            let mut client = node.client().await;
            asking.push(start(async move { client.request(head, body).await }));
        }
        let mut replies = Vec::new();
        for reply in asking {
            replies.push(reply.await.unwrap());
        }
        let first = &replies[0];
        let is_same =
            |it: &crate::client::Reply| it.body == first.body && it.status == first.status;
        assert!(replies.iter().all(is_same), "{head}: {replies:#?}");
        let fresh = replies.iter().filter(|it| it.header("idempotent-replayed").is_none());
        assert!(fresh.count() >= 1, "{head}");
    }
    let stock = node.get("/v1/stock/LAMP").await.json();
    assert_eq!((stock["allocated"].as_u64(), stock["held"].as_u64()), (Some(6), Some(2)));
    assert_eq!(stock["on_hand"], 918);
}

#[tokio::test]
async fn a_key_has_1_to_255_visible_characters() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 400).await;
    let with_key = |key: &str| format!("POST /v1/allocations\nIdempotency-Key: {key}");
    assert_snapshot!(node.request(&with_key(""), LINE).await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {"type":"/problems/invalid-input","title":"Invalid input","status":400,"detail":"Idempotency-Key must be 1 to 255 visible ASCII characters, once","message":"Idempotency-Key must be 1 to 255 visible ASCII characters, once","outcome":"none","field":"Idempotency-Key"}
    "#);
    for bad in ["a b", "é", &"k".repeat(256)] {
        let reply = node.request(&with_key(bad), LINE).await;
        assert_eq!((reply.status, &reply.json()["field"]), (400, &"Idempotency-Key".into()));
    }
    let twice = "POST /v1/allocations\nIdempotency-Key: a\nIdempotency-Key: b";
    assert_eq!(node.request(twice, LINE).await.status, 400);
    assert_eq!(node.request(&with_key(&"k".repeat(255)), LINE).await.status, 201);
}

#[tokio::test]
async fn a_correlation_id_is_returned() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 4).await;
    let named = node.request("POST /v1/allocations\nX-Correlation-Id: basket-7", LINE).await;
    assert_eq!(named.header("x-correlation-id"), Some("basket-7"));
    let trace = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let traced = node.request(&format!("POST /v1/allocations\n{trace}"), LINE).await;
    assert_eq!(traced.header("x-correlation-id"), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
    let odd = node.request("POST /v1/allocations\ntraceparent: odd", LINE).await;
    assert_eq!((odd.status, odd.header("x-correlation-id")), (200, None));
}
