//! The compatibility routes: the end-to-end behaviour of the book.

use insta::assert_snapshot;

use crate::node::Node;

#[tokio::test]
async fn a_batch_is_added_and_a_line_is_allocated_to_the_earliest() {
    let node = Node::open().await;
    let later = r#"{"ref":"later","sku":"LAMP","qty":100,"eta":"2011-01-02"}"#;
    assert_snapshot!(node.post("/add_batch", later).await, @"
    201 Created
    content-type: text/html; charset=utf-8
    OK
    ");
    let early = r#"{"ref":"early","sku":"LAMP","qty":100,"eta":"2011-01-01T10:00:00"}"#;
    assert_snapshot!(node.post("/add_batch", early).await, @"
    201 Created
    content-type: text/html; charset=utf-8
    OK
    ");
    let other = r#"{"ref":"other","sku":"CHAIR","qty":100,"eta":null}"#;
    assert_snapshot!(node.post("/add_batch", other).await, @"
    201 Created
    content-type: text/html; charset=utf-8
    OK
    ");
    let line = r#"{"orderid":"o1","sku":"LAMP","qty":3}"#;
    assert_snapshot!(node.post("/allocate", line).await, @r#"
    201 Created
    content-type: application/json
    {"batchref":"early"}
    "#);
    assert_snapshot!(node.post("/allocate", line).await, @r#"
    201 Created
    content-type: application/json
    {"batchref":"early"}
    "#);
    assert_snapshot!(node.get("/allocations/o1").await, @r#"
    200 OK
    content-type: application/json
    [{"sku":"LAMP","batchref":"early"}]
    "#);
}

#[tokio::test]
async fn an_unknown_sku_gets_the_message_of_the_book() {
    let node = Node::open().await;
    let line = r#"{"orderid":"o1","sku":"NO SUCH","qty":20}"#;
    assert_snapshot!(node.post("/allocate", line).await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {"type":"/problems/unknown-sku","title":"Unknown SKU","status":400,"detail":"Invalid sku NO SUCH","message":"Invalid sku NO SUCH","outcome":"none","field":"sku","sku":"NO SUCH"}
    "#);
    assert_snapshot!(node.get("/allocations/o1").await, @r#"
    404 Not Found
    content-type: application/problem+json
    {"type":"/problems/unknown-order","title":"Unknown order","status":404,"detail":"there are no allocations for order o1","message":"there are no allocations for order o1","outcome":"none","field":"order_id"}
    "#);
}

#[tokio::test]
async fn without_stock_there_is_no_batch_reference() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 10).await;
    let line = r#"{"orderid":"o1","sku":"LAMP","qty":11}"#;
    assert_snapshot!(node.post("/allocate", line).await, @r#"
    201 Created
    content-type: application/json
    {"batchref":null}
    "#);
    assert_snapshot!(node.get("/allocations/o1").await, @r#"
    404 Not Found
    content-type: application/problem+json
    {"type":"/problems/unknown-order","title":"Unknown order","status":404,"detail":"there are no allocations for order o1","message":"there are no allocations for order o1","outcome":"none","field":"order_id"}
    "#);
}

#[tokio::test]
async fn a_differing_field_has_its_name_in_the_book() {
    let node = Node::open().await;
    node.post("/add_batch", r#"{"ref":"b1","sku":"LAMP","qty":10}"#).await;
    assert_snapshot!(
        node.post("/add_batch", r#"{"ref":"b1","sku":"LAMP","qty":11}"#).await,
        @r#"
    409 Conflict
    content-type: application/problem+json
    {"type":"/problems/batch-exists","title":"Batch exists","status":409,"detail":"another batch has the reference b1: quantity differs","message":"another batch has the reference b1: quantity differs","outcome":"none","field":"qty","reference":"b1"}
    "#
    );
    node.post("/allocate", r#"{"orderid":"o1","sku":"LAMP","qty":1}"#).await;
    assert_snapshot!(
        node.post("/allocate", r#"{"orderid":"o1","sku":"LAMP","qty":2}"#).await,
        @r#"
    409 Conflict
    content-type: application/problem+json
    {"type":"/problems/line-exists","title":"Line exists","status":409,"detail":"the line LAMP of order o1 was accepted before, with another quantity","message":"the line LAMP of order o1 was accepted before, with another quantity","outcome":"none","field":"qty","line_id":"LAMP","order_id":"o1"}
    "#
    );
}

#[tokio::test]
async fn a_dry_run_of_the_compatibility_routes_records_nothing() {
    let node = Node::open().await;
    let batch = r#"{"ref":"b1","sku":"LAMP","qty":10}"#;
    assert_snapshot!(node.post("/add_batch?dry_run=true", batch).await, @r#"
    200 OK
    content-type: application/json
    {"dry_run":true,"events":[{"type":"allocation.reference_claimed","data":{"sku":"LAMP"}},{"type":"allocation.batch_created","data":{"batch":"b1","quantity":10,"eta":null,"expires":null}}]}
    "#);
    node.post("/add_batch", batch).await;
    let line = r#"{"orderid":"o1","sku":"LAMP","qty":2}"#;
    assert_snapshot!(node.post("/allocate?dry_run=true", line).await, @r#"
    200 OK
    content-type: application/json
    {"batchref":"b1","dry_run":true,"events":[{"type":"allocation.allocated","data":{"order_id":"o1","line_id":"LAMP","quantity":2,"batch":"b1","day":"2026-01-01","promised":"2026-01-01","priority":5}}]}
    "#);
    assert_eq!(node.get("/allocations/o1").await.status, 404);
}
