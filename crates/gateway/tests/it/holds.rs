//! Holds over HTTP.

use insta::assert_snapshot;

use crate::node::Node;

const BOTH: &str = r#"{"order_id":"o1","lines":[{"sku":"LAMP","quantity":2},{"line_id":"2","sku":"CHAIR","quantity":1}],"ttl_s":60}"#;

async fn node() -> Node {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 10).await;
    node.batch("b2", "CHAIR", 1).await;
    node
}

#[tokio::test]
async fn a_hold_is_made_and_confirmed() {
    let node = node().await;
    assert_snapshot!(node.post("/v1/holds", BOTH).await, @r#"
    201 Created
    content-type: application/json
    {"order_id":"o1","until_ms":1767225660000,"lines":[{"order_id":"o1","line_id":"LAMP","sku":"LAMP","quantity":2,"state":"held","batch":"b1","promised":"2026-01-01","need_by":null,"priority":5,"shipped_quantity":0,"returned_quantity":0,"held_until_ms":1767225660000},{"order_id":"o1","line_id":"2","sku":"CHAIR","quantity":1,"state":"held","batch":"b2","promised":"2026-01-01","need_by":null,"priority":5,"shipped_quantity":0,"returned_quantity":0,"held_until_ms":1767225660000}]}
    "#);
    assert_eq!(node.get("/allocations/o1").await.status, 404);
    assert_snapshot!(node.post("/v1/holds/o1/confirm", "").await, @r#"
    200 OK
    content-type: application/json
    {"order_id":"o1","lines":[{"order_id":"o1","line_id":"LAMP","sku":"LAMP","quantity":2,"state":"placed","batch":"b1","promised":"2026-01-01","need_by":null,"priority":5,"shipped_quantity":0,"returned_quantity":0,"held_until_ms":null},{"order_id":"o1","line_id":"2","sku":"CHAIR","quantity":1,"state":"placed","batch":"b2","promised":"2026-01-01","need_by":null,"priority":5,"shipped_quantity":0,"returned_quantity":0,"held_until_ms":null}]}
    "#);
    node.advance_s(61);
    assert_eq!(node.get("/v1/allocations/o1/LAMP").await.json()["state"], "placed");
}

#[tokio::test]
async fn a_hold_is_released() {
    let node = node().await;
    node.post("/v1/holds", BOTH).await;
    let released = node.request("DELETE /v1/holds/o1", "").await;
    assert_eq!(released.status, 200);
    assert_snapshot!(node.request("DELETE /v1/holds/o1", "").await, @r#"
    404 Not Found
    content-type: application/problem+json
    {"type":"/problems/unknown-hold","title":"Unknown hold","status":404,"detail":"order o1 has no held lines","message":"order o1 has no held lines","outcome":"none","field":"order_id","order_id":"o1"}
    "#);
    assert_snapshot!(node.post("/v1/holds/o9/confirm", "{}").await, @r#"
    404 Not Found
    content-type: application/problem+json
    {"type":"/problems/unknown-hold","title":"Unknown hold","status":404,"detail":"order o9 has no held lines","message":"order o9 has no held lines","outcome":"none","field":"order_id","order_id":"o9"}
    "#);
}

#[tokio::test]
async fn an_expired_hold_is_not_confirmed() {
    let node = node().await;
    node.post("/v1/holds", BOTH).await;
    node.advance_s(61);
    assert_snapshot!(node.post("/v1/holds/o1/confirm", "").await, @r#"
    409 Conflict
    content-type: application/problem+json
    {"type":"/problems/hold-expired","title":"Hold expired","status":409,"detail":"the hold of order o1 has expired","message":"the hold of order o1 has expired","outcome":"none","field":"order_id","confirmed":[],"expired":["LAMP","2"],"order_id":"o1"}
    "#);
}

#[tokio::test]
async fn all_lines_are_held_or_none() {
    let node = node().await;
    let too_many = r#"{"order_id":"o1","lines":[{"sku":"LAMP","quantity":2},{"sku":"CHAIR","quantity":2}],"ttl_s":60}"#;
    assert_snapshot!(node.post("/v1/holds", too_many).await, @r#"
    409 Conflict
    content-type: application/problem+json
    {"type":"/problems/out-of-stock","title":"Out of stock","status":409,"detail":"2 units of CHAIR cannot be held: at most 1 are available","message":"2 units of CHAIR cannot be held: at most 1 are available","outcome":"none","field":"quantity","available":1,"earliest":null,"line_id":"CHAIR","requested":2,"sku":"CHAIR"}
    "#);
    assert_eq!(node.get("/v1/stock/LAMP").await.json()["held"], 0);
    let unknown = r#"{"order_id":"o1","lines":[{"sku":"TABLE","quantity":2}],"ttl_s":60}"#;
    assert_snapshot!(node.post("/v1/holds", unknown).await, @r#"
    404 Not Found
    content-type: application/problem+json
    {"type":"/problems/unknown-sku","title":"Unknown SKU","status":404,"detail":"Invalid sku TABLE","message":"Invalid sku TABLE","outcome":"none","field":"sku","sku":"TABLE"}
    "#);
}

#[tokio::test]
async fn a_hold_is_repeated_extended_and_read() {
    let node = node().await;
    assert_eq!(node.get("/v1/holds/o1").await.status, 404);
    node.post("/v1/holds", BOTH).await;
    let again = node.post("/v1/holds", BOTH).await;
    assert_eq!((again.status, again.json()["existed"].clone()), (200, true.into()));
    let extended = node.post("/v1/holds/o1/extend", r#"{"ttl_s":600}"#).await;
    assert_eq!(extended.status, 200);
    assert_eq!(extended.json()["until_ms"], 1_767_226_200_000_i64);
    assert_eq!(node.post("/v1/holds/o1/extend", r#"{"ttl_s":0}"#).await.status, 400);
    let hold = node.get("/v1/holds/o1").await.json();
    assert_eq!((&hold["state"], &hold["missing"]), (&"held".into(), &serde_json::json!([])));
    assert_eq!(hold["until_ms"], extended.json()["until_ms"]);
    assert_eq!(hold["lines"][1]["held_until_ms"], extended.json()["until_ms"]);
    node.post("/v1/holds", &BOTH.replace("o1", "o2").replace("CHAIR", "LAMP")).await;
    assert_snapshot!(node.get("/v1/holds?limit=1").await, @r#"
    200 OK
    content-type: application/json
    {"items":[{"until_ms":1767225660000,"order_id":"o2"}],"next":"1767225660000/o2"}
    "#);
    let next = "/v1/holds?ends_before=1767226200001&after=1767225660000%2Fo2";
    assert_snapshot!(node.get(next).await, @r#"
    200 OK
    content-type: application/json
    {"items":[{"until_ms":1767226200000,"order_id":"o1"}],"next":null}
    "#);
    assert_eq!(node.get("/v1/holds?after=soon").await.json()["field"], "after");
}

#[tokio::test]
async fn a_hold_that_has_lost_stock_is_not_confirmed() {
    let node = node().await;
    node.post("/v1/holds", BOTH).await;
    node.request("PATCH /v1/batches/b2", r#"{"quantity":0,"reason":"broken"}"#).await;
    assert_snapshot!(node.post("/v1/holds/o1/confirm", "").await, @r#"
    409 Conflict
    content-type: application/problem+json
    {"type":"/problems/hold-incomplete","title":"Lines of the hold have lost their stock","status":409,"detail":"the hold of order o1 has lost the stock of 1 of its lines","message":"the hold of order o1 has lost the stock of 1 of its lines","outcome":"none","field":"order_id","missing":["2"],"order_id":"o1"}
    "#);
    assert_eq!(node.get("/v1/holds/o1").await.json()["missing"], serde_json::json!(["2"]));
    assert_eq!(node.get("/v1/allocations/o1/2").await.json()["state"], "missing");
    let release = node.request("DELETE /v1/allocations/o1/LAMP", "").await;
    assert_eq!(release.status, 409);
    let wanted = BOTH.replace(r#""quantity":1"#, r#""quantity":1,"if_unavailable":"backorder""#);
    let differs = node.post("/v1/holds", &wanted).await;
    assert_eq!(differs.status, 201, "{differs}");
    assert_eq!(differs.json()["lines"][1]["state"], "wanted");
    assert_eq!(node.post("/v1/holds/o1/confirm", "").await.json()["lines"][1]["state"], "short");
}

#[tokio::test]
async fn the_fields_of_a_hold_have_bounds() {
    let node = node().await;
    let line = r#"{"sku":"LAMP","quantity":1}"#;
    let hold = |lines: &str, ttl_s: &str| {
        format!(r#"{{"order_id":"o1","lines":[{lines}],"ttl_s":{ttl_s}}}"#)
    };
    let field = async |body: String| {
        let reply = node.post("/v1/holds", &body).await;
        assert_eq!(reply.status, 400, "{reply}");
        reply.json()["field"].as_str().unwrap().to_owned()
    };
    assert_eq!(field(hold("", "60")).await, "lines");
    assert_eq!(field(hold(line, "0")).await, "ttl_s");
    assert_eq!(field(hold(line, "2592001")).await, "ttl_s");
    assert_eq!(field(hold(line, "-1")).await, "ttl_s");
    assert_eq!(field(hold(&format!("{line},{line}"), "60")).await, "lines[1].line_id");
    assert_eq!(
        field(hold(&format!("{line},{{\"sku\":\" \",\"quantity\":1}}"), "6")).await,
        "lines[1].sku"
    );
    assert_eq!(field(hold(&format!("{line},[\"l\",\"LAMP\",1]"), "6")).await, "lines[1]");
    assert_eq!(field(hold(r#"{"sku":"LAMP"}"#, "6")).await, "lines[0].quantity");
    assert_eq!(field(hold(r#"{"sku":"LAMP","quantity":1,"x":1}"#, "6")).await, "lines[0].x");
}
