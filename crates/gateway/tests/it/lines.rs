//! Lines, shipments and returns over HTTP.

use insta::assert_snapshot;

use crate::node::Node;

const LINE: &str = r#"{"order_id":"o1","sku":"LAMP","quantity":4}"#;

#[tokio::test]
async fn a_line_is_allocated_once_and_explained() {
    let node = Node::open().await;
    node.batch("small", "LAMP", 3).await;
    node.batch("large", "LAMP", 10).await;
    assert_snapshot!(node.post("/v1/allocations", LINE).await, @r#"
    201 Created
    content-type: application/json
    location: /v1/allocations/o1/LAMP
    {"outcome":"placed","order_id":"o1","line_id":"LAMP","sku":"LAMP","quantity":4,"state":"placed","batch":"large","promised":"2026-01-01","need_by":null,"priority":5,"shipped_quantity":0,"returned_quantity":0,"held_until_ms":null,"explanation":{"chosen":"large","because":"the first batch in the warehouse that takes the whole line","passed_over":[{"batch":"small","why":"too_small","available":3}],"exhausted":0}}
    "#);
    assert_snapshot!(node.post("/v1/allocations", LINE).await, @r#"
    200 OK
    content-type: application/json
    {"outcome":"placed","order_id":"o1","line_id":"LAMP","sku":"LAMP","quantity":4,"state":"placed","batch":"large","promised":"2026-01-01","need_by":null,"priority":5,"shipped_quantity":0,"returned_quantity":0,"held_until_ms":null,"explanation":{"chosen":"large","because":"the first batch in the warehouse that takes the whole line","passed_over":[{"batch":"small","why":"too_small","available":3}],"exhausted":0}}
    "#);
    let other = r#"{"order_id":"o1","sku":"LAMP","quantity":5}"#;
    assert_snapshot!(node.post("/v1/allocations", other).await, @r#"
    409 Conflict
    content-type: application/problem+json
    {"type":"/problems/line-exists","title":"Line exists","status":409,"detail":"the line LAMP of order o1 was accepted before, with another quantity","message":"the line LAMP of order o1 was accepted before, with another quantity","outcome":"none","field":"quantity","line_id":"LAMP","order_id":"o1"}
    "#);
    assert_snapshot!(node.get("/v1/allocations/o1/LAMP").await, @r#"
    200 OK
    content-type: application/json
    {"order_id":"o1","line_id":"LAMP","sku":"LAMP","quantity":4,"state":"placed","batch":"large","promised":"2026-01-01","need_by":null,"priority":5,"shipped_quantity":0,"returned_quantity":0,"held_until_ms":null}
    "#);
    assert_snapshot!(node.get("/v1/allocations/o1/LAMP/explain").await, @r#"
    200 OK
    content-type: application/json
    {"line":{"order_id":"o1","line_id":"LAMP","sku":"LAMP","quantity":4,"state":"placed","batch":"large","promised":"2026-01-01","need_by":null,"priority":5,"shipped_quantity":0,"returned_quantity":0,"held_until_ms":null},"decided_at_ms":1767225600000,"sequence":5,"explanation":{"chosen":"large","because":"the first batch in the warehouse that takes the whole line","passed_over":[{"batch":"small","why":"too_small","available":3}],"exhausted":0}}
    "#);
    assert_snapshot!(node.get("/v1/orders/o1/allocations").await, @r#"
    200 OK
    content-type: application/json
    {"order_id":"o1","lines":[{"order_id":"o1","line_id":"LAMP","sku":"LAMP","quantity":4,"state":"placed","batch":"large","promised":"2026-01-01","need_by":null,"priority":5,"shipped_quantity":0,"returned_quantity":0,"held_until_ms":null}]}
    "#);
}

#[tokio::test]
async fn without_stock_a_line_is_refused_or_waits() {
    let node = Node::open().await;
    assert_snapshot!(node.post("/v1/allocations", LINE).await, @r#"
    404 Not Found
    content-type: application/problem+json
    {"type":"/problems/unknown-sku","title":"Unknown SKU","status":404,"detail":"Invalid sku LAMP","message":"Invalid sku LAMP","outcome":"none","field":"sku","sku":"LAMP"}
    "#);
    node.batch("b1", "LAMP", 3).await;
    assert_snapshot!(node.post("/v1/allocations", LINE).await, @r#"
    409 Conflict
    content-type: application/problem+json
    {"type":"/problems/out-of-stock","title":"Out of stock","status":409,"detail":"no batch can take 4 of LAMP: one has at most 3 available","message":"no batch can take 4 of LAMP: one has at most 3 available","outcome":"none","field":"quantity","available":3,"earliest":null,"requested":4,"sku":"LAMP"}
    "#);
    let patient = r#"{"order_id":"o1","sku":"LAMP","quantity":4,"short":"queue"}"#;
    assert_snapshot!(node.post("/v1/allocations", patient).await, @r#"
    202 Accepted
    content-type: application/json
    {"outcome":"short","order_id":"o1","line_id":"LAMP","sku":"LAMP","quantity":4,"state":"short","batch":null,"promised":null,"need_by":null,"priority":5,"shipped_quantity":0,"returned_quantity":0,"held_until_ms":null,"earliest":null}
    "#);
    node.batch("b2", "LAMP", 30).await;
    assert_eq!(node.get("/v1/allocations/o1/LAMP").await.json()["batch"], "b2");
}

#[tokio::test]
async fn a_dry_run_returns_the_events_it_would_record() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 10).await;
    assert_snapshot!(node.post("/v1/allocations?dry_run=true", LINE).await, @r#"
    200 OK
    content-type: application/json
    {"outcome":"placed","order_id":"o1","line_id":"LAMP","sku":"LAMP","quantity":4,"state":"placed","batch":"b1","promised":"2026-01-01","need_by":null,"priority":5,"shipped_quantity":0,"returned_quantity":0,"held_until_ms":null,"explanation":{"chosen":"b1","because":"the first batch in the warehouse that takes the whole line","passed_over":[],"exhausted":0},"dry_run":true,"events":[{"type":"allocation.allocated","data":{"order_id":"o1","line_id":"LAMP","quantity":4,"batch":"b1","day":"2026-01-01","promised":"2026-01-01","priority":5}}]}
    "#);
    assert_eq!(node.get("/v1/allocations/o1/LAMP").await.status, 404);
    let strange = node.post("/v1/allocations?dry_run=yes", LINE).await;
    assert_snapshot!(strange, @r#"
    400 Bad Request
    content-type: application/problem+json
    {"type":"/problems/invalid-input","title":"Invalid input","status":400,"detail":"dry_run must be true or false","message":"dry_run must be true or false","outcome":"none","field":"dry_run"}
    "#);
}

#[tokio::test]
async fn a_released_line_is_gone() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 10).await;
    node.post("/v1/allocations", LINE).await;
    let released =
        node.request("DELETE /v1/allocations/o1/LAMP?reason=changed%20my+mind", "").await;
    assert_snapshot!(released, @r#"
    200 OK
    content-type: application/json
    {"line":{"order_id":"o1","line_id":"LAMP","sku":"LAMP","quantity":4,"state":"released","batch":null,"promised":null,"need_by":null,"priority":5,"shipped_quantity":0,"returned_quantity":0,"held_until_ms":null},"moved":[]}
    "#);
    assert_snapshot!(node.get("/v1/allocations/o1/LAMP").await, @r#"
    404 Not Found
    content-type: application/problem+json
    {"type":"/problems/unknown-line","title":"Unknown line","status":404,"detail":"there is no line LAMP in order o1","message":"there is no line LAMP in order o1","outcome":"none","field":"line_id","line_id":"LAMP","order_id":"o1"}
    "#);
    assert_snapshot!(node.get("/v1/orders/o1/allocations").await, @r#"
    404 Not Found
    content-type: application/problem+json
    {"type":"/problems/unknown-order","title":"Unknown order","status":404,"detail":"order o1 has no lines","message":"order o1 has no lines","outcome":"none","field":"order_id"}
    "#);
    assert_snapshot!(node.request("DELETE /v1/allocations/o1/nope", "").await, @r#"
    404 Not Found
    content-type: application/problem+json
    {"type":"/problems/unknown-line","title":"Unknown line","status":404,"detail":"there is no line nope in order o1","message":"there is no line nope in order o1","outcome":"none","field":"line_id","line_id":"nope","order_id":"o1"}
    "#);
}

#[tokio::test]
async fn a_line_id_used_for_two_skus_needs_the_sku() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 10).await;
    node.batch("b2", "CHAIR", 10).await;
    for sku in ["LAMP", "CHAIR"] {
        let line = format!(r#"{{"order_id":"o1","line_id":"1","sku":"{sku}","quantity":1}}"#);
        assert_eq!(node.post("/v1/allocations", &line).await.status, 201);
    }
    assert_snapshot!(node.get("/v1/allocations/o1/1").await, @r#"
    409 Conflict
    content-type: application/problem+json
    {"type":"/problems/ambiguous-line","title":"Ambiguous line","status":409,"detail":"order o1 has the line 1 for several SKUs, name one","message":"order o1 has the line 1 for several SKUs, name one","outcome":"none","field":"sku","line_id":"1","order_id":"o1"}
    "#);
    assert_eq!(node.get("/v1/allocations/o1/1?sku=CHAIR").await.json()["batch"], "b2");
    assert_eq!(node.get("/v1/allocations/o1/1/explain").await.status, 409);
    let shipped = node.post("/v1/shipments", r#"{"order_id":"o1","line_id":"1"}"#).await;
    assert_eq!(shipped.status, 409);
}

#[tokio::test]
async fn goods_are_shipped_and_returned() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 10).await;
    node.post("/v1/allocations", LINE).await;
    let some = r#"{"order_id":"o1","line_id":"LAMP","quantity":1}"#;
    assert_snapshot!(node.post("/v1/shipments", some).await, @r#"
    200 OK
    content-type: application/json
    {"line":{"order_id":"o1","line_id":"LAMP","sku":"LAMP","quantity":4,"state":"placed","batch":"b1","promised":"2026-01-01","need_by":null,"priority":5,"shipped_quantity":1,"returned_quantity":0,"held_until_ms":null},"batch":{"reference":"b1","sku":"LAMP","purchased_quantity":9,"allocated_quantity":3,"held_quantity":0,"available_quantity":6,"eta":null,"expires":null,"state":"in_warehouse","version":3},"moved":[]}
    "#);
    let too_many = r#"{"order_id":"o1","line_id":"LAMP","quantity":4}"#;
    assert_snapshot!(node.post("/v1/shipments", too_many).await, @r#"
    409 Conflict
    content-type: application/problem+json
    {"type":"/problems/too-many","title":"Quantity too large","status":409,"detail":"4 units are more than the 3 that are left","message":"4 units are more than the 3 that are left","outcome":"none","field":"quantity","possible":3,"requested":4}
    "#);
    let back = r#"{"order_id":"o1","line_id":"LAMP","quantity":1,"disposition":"restock"}"#;
    assert_snapshot!(node.post("/v1/returns", back).await, @r#"
    200 OK
    content-type: application/json
    {"line":{"order_id":"o1","line_id":"LAMP","sku":"LAMP","quantity":4,"state":"placed","batch":"b1","promised":"2026-01-01","need_by":null,"priority":5,"shipped_quantity":1,"returned_quantity":1,"held_until_ms":null},"batch":{"reference":"b1","sku":"LAMP","purchased_quantity":10,"allocated_quantity":3,"held_quantity":0,"available_quantity":7,"eta":null,"expires":null,"state":"in_warehouse","version":4},"moved":[]}
    "#);
    let lost = r#"{"order_id":"o1","line_id":"LAMP","quantity":9,"disposition":"write_off"}"#;
    assert_snapshot!(node.post("/v1/returns", lost).await, @r#"
    409 Conflict
    content-type: application/problem+json
    {"type":"/problems/too-many","title":"Quantity too large","status":409,"detail":"9 units are more than the 0 that are left","message":"9 units are more than the 0 that are left","outcome":"none","field":"quantity","possible":0,"requested":9}
    "#);
    let nowhere =
        r#"{"order_id":"o1","line_id":"LAMP","quantity":1,"disposition":"restock","batch":"b9"}"#;
    assert_eq!(node.post("/v1/returns", nowhere).await.status, 409);
}

#[tokio::test]
async fn a_batch_that_has_not_arrived_cannot_ship() {
    let node = Node::open().await;
    let incoming = r#"{"reference":"b1","sku":"LAMP","quantity":10,"eta":"2026-02-01"}"#;
    node.post("/v1/batches", incoming).await;
    node.post("/v1/allocations", LINE).await;
    let ship = r#"{"order_id":"o1","line_id":"LAMP"}"#;
    assert_snapshot!(node.post("/v1/shipments", ship).await, @r#"
    409 Conflict
    content-type: application/problem+json
    {"type":"/problems/not-in-warehouse","title":"Not in the warehouse","status":409,"detail":"the batch b1 is not in the warehouse","message":"the batch b1 is not in the warehouse","outcome":"none","field":"batch","batch":"b1"}
    "#);
    let hurried = r#"{"order_id":"o2","sku":"LAMP","quantity":1,"need_by":"2026-01-15"}"#;
    assert_snapshot!(node.post("/v1/allocations", hurried).await, @r#"
    409 Conflict
    content-type: application/problem+json
    {"type":"/problems/out-of-stock","title":"Out of stock","status":409,"detail":"no batch can take 1 of LAMP: one has at most 0 available","message":"no batch can take 1 of LAMP: one has at most 0 available","outcome":"none","field":"quantity","available":0,"earliest":"2026-02-01","requested":1,"sku":"LAMP"}
    "#);
}
