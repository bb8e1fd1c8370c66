//! Stock over HTTP.

use insta::assert_snapshot;

use crate::node::Node;

#[tokio::test]
async fn the_stock_of_a_sku_has_totals_and_batches() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 10).await;
    let line = r#"{"order_id":"o1","sku":"LAMP","quantity":40,"short":"queue"}"#;
    node.post("/v1/allocations", line).await;
    assert_snapshot!(node.get("/v1/stock/LAMP").await, @r#"
    200 OK
    content-type: application/json
    {"sku":"LAMP","on_hand":10,"incoming":0,"allocated":0,"held":0,"available":10,"short":40,"next_eta":null,"batches":[{"reference":"b1","sku":"LAMP","purchased_quantity":10,"allocated_quantity":0,"held_quantity":0,"available_quantity":10,"eta":null,"expires":null,"state":"in_warehouse","version":1}],"short_lines":[{"order_id":"o1","line_id":"LAMP","quantity":40,"need_by":null,"priority":5}]}
    "#);
    assert_snapshot!(node.get("/v1/stock/NOPE").await, @r#"
    404 Not Found
    content-type: application/problem+json
    {"type":"/problems/unknown-sku","title":"Unknown SKU","status":404,"detail":"Invalid sku NOPE","message":"Invalid sku NOPE","outcome":"none","field":"sku","sku":"NOPE"}
    "#);
}

#[tokio::test]
async fn stock_levels_are_listed_in_pages() {
    let node = Node::open().await;
    for (at, sku) in ["C", "A", "E", "B", "D"].into_iter().enumerate() {
        node.batch(&format!("b{at}"), &format!("{sku} & {sku}"), 1).await;
    }
    let mut seen = Vec::new();
    let mut target = "/v1/stock?limit=2".to_owned();
    loop {
        let page = node.get(&target).await.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|it| it["sku"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        target = format!("/v1/stock?limit=2&after={}", next.replace('&', "%26").replace(' ', "+"));
    }
    assert_eq!(seen, ["A", "B", "C", "D", "E"].map(|sku| format!("{sku} & {sku}")));
    assert_snapshot!(node.get("/v1/stock?limit=1").await, @r#"
    200 OK
    content-type: application/json
    {"items":[{"sku":"A & A","on_hand":1,"incoming":0,"allocated":0,"held":0,"available":1,"short":0,"next_eta":null}],"next":"A & A"}
    "#);
    assert_snapshot!(node.get("/v1/stock?limit=0").await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {"type":"/problems/invalid-input","title":"Invalid input","status":400,"detail":"limit must be a whole number from 1 to 1000","message":"limit must be a whole number from 1 to 1000","outcome":"none","field":"limit"}
    "#);
    assert_snapshot!(node.get("/v1/stock?after=%20zz").await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {"type":"/problems/invalid-input","title":"Invalid input","status":400,"detail":"after: must not begin or end with whitespace","message":"after: must not begin or end with whitespace","outcome":"none","field":"after"}
    "#);
}

#[tokio::test]
async fn the_history_lists_changes_with_their_causes() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 10).await;
    node.post("/v1/allocations", r#"{"order_id":"o1","sku":"LAMP","quantity":4}"#).await;
    let first = node.get("/v1/stock/LAMP/history?limit=1").await;
    assert_snapshot!(first, @r#"
    200 OK
    content-type: application/json
    {"items":[{"sequence":2,"at_ms":1767225600000,"event":"allocation.batch_created","cause":"00000000-0000-0001-0000-000000000001","batch":{"reference":"b1","before":null,"after":{"purchased":10,"allocated":0,"eta":null}},"order_id":null,"line_id":null,"quantity":null,"reason":null}],"next":"2"}
    "#);
    let next = first.json()["next"].as_str().unwrap().to_owned();
    assert_snapshot!(node.get(&format!("/v1/stock/LAMP/history?after={next}")).await, @r#"
    200 OK
    content-type: application/json
    {"items":[{"sequence":3,"at_ms":1767225600000,"event":"allocation.allocated","cause":"00000000-0000-0001-0000-000000000002","batch":{"reference":"b1","before":{"purchased":10,"allocated":0,"eta":null},"after":{"purchased":10,"allocated":4,"eta":null}},"order_id":"o1","line_id":"LAMP","quantity":4,"reason":null}],"next":null}
    "#);
    assert_eq!(node.get("/v1/stock/NOPE/history").await.status, 404);
    assert_eq!(node.get("/v1/stock/LAMP/history?after=x").await.json()["field"], "after");
}
