//! Parked messages over HTTP.

use earmark_kernel::{Idempotency, Parked};
use serde_json::json;

use crate::node::Node;

const LIST: &str = "/v1/parked/allocation";
const REPLAY: &str = "/v1/parked/allocation/replay";

/// Parks a message under an id.
async fn park(node: &Node, id: &str, message: &str, body: &str) {
    let parked = Parked {
        message: message.to_owned(),
        body: body.to_owned(),
        reason: "the service did not run".to_owned(),
        idempotency: Some(Idempotency::of(id, body.as_bytes())),
    };
    node.bus.park("allocation", parked).await.expect("the store is in memory");
}

#[tokio::test]
async fn parked_messages_are_listed_in_pages() {
    let node = Node::open().await;
    assert_eq!(node.get(LIST).await.json(), json!({ "items": [], "next": null }));
    for id in ["c", "a/1", "b"] {
        park(&node, id, "allocation.allocate", "{}").await;
    }
    let page = node.get(&format!("{LIST}?limit=2")).await.json();
    let item = |id: &str| {
        json!({ "id": id, "message": "allocation.allocate", "reason": "the service did not run",
            "body": "{}" })
    };
    assert_eq!(page, json!({ "items": [item("a/1"), item("b")], "next": "b" }));
    let page = node.get(&format!("{LIST}?limit=2&after=b")).await.json();
    assert_eq!(page, json!({ "items": [item("c")], "next": null }));
    for (target, status) in [
        ("/v1/parked/nobody", 404),
        ("/v1/parked/allocation?limit=0", 400),
        ("/v1/parked/allocation?from=1", 400),
    ] {
        assert_eq!(node.get(target).await.status, status, "{target}");
    }
}

#[tokio::test]
async fn a_message_is_tried_and_then_replayed_once() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 10).await;
    let line = r#"{"order_id":"o1","sku":"LAMP","quantity":3}"#;
    park(&node, "m1", "allocation.allocate", line).await;
    let tried = node.post(&format!("{REPLAY}?dry_run=true"), r#"{"id":"m1"}"#).await;
    assert_eq!(tried.status, 200);
    assert_eq!(tried.json()["outcome"], "done");
    assert_eq!(tried.json()["events"][0]["type"], "allocation.allocated");
    assert_eq!(node.get("/allocations/o1").await.status, 404, "it was only a dry run");
    let sent = node.post(REPLAY, r#"{"id":"m1"}"#).await;
    assert_eq!((sent.status, sent.json()["outcome"].as_str()), (200, Some("done")));
    assert!(sent.json().get("events").is_none());
    assert_eq!(node.get("/allocations/o1").await.status, 200);
    let again = node.post(REPLAY, r#"{"id":"m1"}"#).await;
    assert_eq!((again.status, again.json()["field"].as_str()), (404, Some("id")));
    assert_eq!(again.json()["type"], "/problems/unknown-parked");
    assert_eq!(node.get(LIST).await.json()["items"], json!([]));
}

#[tokio::test]
async fn two_concurrent_replays_of_a_message_without_a_key_have_one_effect() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 10).await;
    let line = r#"{"order_id":"o1","sku":"LAMP","quantity":3}"#;
    assert_eq!(node.post("/v1/allocations", line).await.status, 201);
    let parked = Parked {
        message: "allocation.ship".to_owned(),
        body: r#"{"order_id":"o1","line_id":"LAMP","quantity":1}"#.to_owned(),
        reason: "its handler failed".to_owned(),
        idempotency: None,
    };
    node.bus.park("allocation", parked).await.expect("the store is in memory");
    let id = node.get(LIST).await.json()["items"][0]["id"].clone();
    let again = json!({ "id": id }).to_string();
    let (one, other) = tokio::join!(node.post(REPLAY, &again), node.post(REPLAY, &again));
    for reply in [one, other] {
        assert!([200, 404].contains(&reply.status), "{}", reply.status);
    }
    assert_eq!(
        node.get("/v1/batches/b1").await.json()["purchased_quantity"],
        9,
        "one unit was shipped"
    );
    assert_eq!(node.get(LIST).await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_refused_message_is_decided_and_an_unreadable_one_stays_parked() {
    let node = Node::open().await;
    let line = r#"{"order_id":"o1","sku":"NOBODY","quantity":3}"#;
    park(&node, "refused", "allocation.allocate", line).await;
    park(&node, "unreadable", "allocation.allocate", "{").await;
    park(&node, "unserved", "allocation.sing", "{}").await;
    let refused = node.post(REPLAY, r#"{"id":"refused"}"#).await;
    assert_eq!((refused.status, refused.json()["outcome"].as_str()), (200, Some("refused")));
    assert_eq!(refused.json()["detail"], "Invalid sku NOBODY");
    for id in ["unreadable", "unserved"] {
        let stays = node.post(REPLAY, &json!({ "id": id }).to_string()).await;
        assert_eq!((stays.status, stays.json()["outcome"].as_str()), (409, Some("none")), "{id}");
        assert_eq!(stays.json()["type"], "/problems/still-parked");
    }
    assert_eq!(node.get(LIST).await.json()["items"].as_array().unwrap().len(), 2);
    for (target, body, status) in [
        ("/v1/parked/nobody/replay", r#"{"id":"unserved"}"#, 404),
        (REPLAY, "{}", 400),
        (REPLAY, r#"{"id":"unserved","now":true}"#, 400),
        ("/v1/parked/allocation/replay?dry_run=maybe", r#"{"id":"unserved"}"#, 400),
    ] {
        assert_eq!(node.post(target, body).await.status, status, "{target} {body}");
    }
}
