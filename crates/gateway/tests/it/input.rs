//! Invalid input: refused with the right status and the name of the field.

use insta::assert_snapshot;

use crate::client::{Reply, request};
use crate::node::Node;

async fn field(node: &Node, body: &str) -> (u16, String) {
    let reply = node.post("/v1/batches", body).await;
    named(&reply)
}

fn named(reply: &Reply) -> (u16, String) {
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{reply}");
    let json = reply.json();
    assert_eq!(json["outcome"], "none");
    assert_eq!(json["detail"], json["message"]);
    (reply.status, json["field"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn each_error_in_a_body_is_named() {
    let node = Node::open().await;
    assert_snapshot!(node.post("/v1/batches", r#"{"reference":"b","sku":"A"}"#).await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {"type":"/problems/invalid-input","title":"Invalid input","status":400,"detail":"missing field `quantity`","message":"missing field `quantity`","outcome":"none","field":"quantity"}
    "#);
    let unknown = r#"{"reference":"b","sku":"A","quantity":1,"colour":"red"}"#;
    assert_snapshot!(node.post("/v1/batches", unknown).await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {"type":"/problems/invalid-input","title":"Invalid input","status":400,"detail":"unknown field `colour`, expected one of `reference`, `sku`, `quantity`, `eta`, `expires`","message":"unknown field `colour`, expected one of `reference`, `sku`, `quantity`, `eta`, `expires`","outcome":"none","field":"colour"}
    "#);
    let twice = r#"{"reference":"b","sku":"A","sku":"A","quantity":1}"#;
    assert_snapshot!(node.post("/v1/batches", twice).await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {"type":"/problems/invalid-input","title":"Invalid input","status":400,"detail":"duplicate field `sku`","message":"duplicate field `sku`","outcome":"none","field":"sku"}
    "#);
    let zero = r#"{"reference":"b","sku":"A","quantity":0}"#;
    assert_snapshot!(node.post("/v1/batches", zero).await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {"type":"/problems/invalid-input","title":"Invalid input","status":400,"detail":"quantity: must be a whole number from 1 to 1000000000","message":"quantity: must be a whole number from 1 to 1000000000","outcome":"none","field":"quantity"}
    "#);
    assert_snapshot!(node.post("/v1/batches", r#"{"reference":"b","#).await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {"type":"/problems/malformed-json","title":"Malformed JSON","status":400,"detail":"EOF while parsing a value (line 1 column 17)","message":"EOF while parsing a value (line 1 column 17)","outcome":"none","field":"body"}
    "#);
    assert_snapshot!(node.post("/v1/batches", r#"["b","A",1]"#).await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {"type":"/problems/invalid-input","title":"Invalid input","status":400,"detail":"body: invalid type: sequence, expected an object","message":"body: invalid type: sequence, expected an object","outcome":"none","field":"body"}
    "#);
    let deep = format!(r#"{{"reference":{}"#, "[".repeat(10_000));
    assert_snapshot!(node.post("/v1/batches", &deep).await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {"type":"/problems/invalid-input","title":"Invalid input","status":400,"detail":"reference: invalid type: sequence, expected a string","message":"reference: invalid type: sequence, expected a string","outcome":"none","field":"reference"}
    "#);
}

#[tokio::test]
async fn numbers_are_whole_and_within_bounds() {
    let node = Node::open().await;
    let bad = [
        "1e400",
        "-0",
        "0",
        "-1",
        "1.5",
        "9007199254740993",
        "9223372036854775808",
        "true",
        "18446744073709551616",
        "1000000001",
        "\"1\"",
        "null",
        "[]",
        "{}",
    ];
    for quantity in bad {
        let body = format!(r#"{{"reference":"b","sku":"A","quantity":{quantity}}}"#);
        assert_eq!(field(&node, &body).await, (400, "quantity".into()), "{quantity}");
    }
    for quantity in ["01", "+1", "1.", "0x1", "NaN", "1_000"] {
        let body = format!(r#"{{"reference":"b","sku":"A","quantity":{quantity}}}"#);
        assert_eq!(field(&node, &body).await.0, 400, "{quantity}");
    }
    let float = r#"{"reference":"f","sku":"A","quantity":1.2e1}"#;
    assert_eq!(node.post("/v1/batches", float).await.json()["batch"]["purchased_quantity"], 12);
    let most = r#"{"reference":"b","sku":"A","quantity":1000000000}"#;
    assert_eq!(node.post("/v1/batches", most).await.status, 201);
}

#[tokio::test]
async fn texts_are_whole_and_within_bounds() {
    let node = Node::open().await;
    let long = "é".repeat(65);
    let bad = [
        "",
        " ",
        " A",
        "A ",
        "A\\u0000",
        "\\u0000",
        "A\\nB",
        "A\\u009fB",
        "A\\u00a0",
        "\\ud800",
        "\\udc00A",
        "\\ud800A",
        &long,
    ];
    for sku in bad {
        let body = format!(r#"{{"reference":"b","sku":"{sku}","quantity":1}}"#);
        assert_eq!(field(&node, &body).await, (400, "sku".into()), "{sku}");
    }
    let mut raw = request("POST /v1/batches", r#"{"reference":"b","sku":"A?","quantity":1}"#);
    raw = raw.replace('?', "\u{1}");
    let mut raw = raw.into_bytes();
    let at = raw.iter().position(|byte| *byte == 1).unwrap();
    raw[at] = 0xff;
    let mut client = node.client().await;
    client.send(&raw).await;
    assert_eq!(client.read().await.unwrap().status, 400);
}

#[tokio::test]
async fn texts_are_normalized_to_nfc() {
    let node = Node::open().await;
    let nfd = "e\u{301}".repeat(64);
    let nfc = "é".repeat(64);
    let body = format!(r#"{{"reference":"b","sku":"{nfd}","quantity":1}}"#);
    assert_eq!(node.post("/v1/batches", &body).await.json()["batch"]["sku"], nfc.as_str());
    let target = format!("/v1/stock/{}", "e%CC%81".repeat(64));
    assert_eq!(node.get(&target).await.json()["sku"], nfc.as_str());
    for odd in ["A\u{202e}B", "A\u{200b}B", "BANK CHARGES", "A/B", "%41", "..", "💡"] {
        let body = format!(r#"{{"reference":"r {odd}","sku":"{odd}","quantity":1}}"#);
        assert_eq!(node.post("/v1/batches", &body).await.status, 201, "{odd}");
    }
}

#[tokio::test]
async fn days_are_validated() {
    let node = Node::open().await;
    for bad in ["\"2026-02-30\"", "\"tomorrow\"", "20260101", "\"\"", "\"2026-1-1\""] {
        let body = format!(r#"{{"reference":"b","sku":"A","quantity":1,"eta":{bad}}}"#);
        assert_eq!(field(&node, &body).await, (400, "eta".into()), "{bad}");
    }
    let forms = ["2026-02-01", "2026-02-01T23:59:59", "2026-02-01T23:59:59Z", "2026-02-01 10:00"];
    for (at, good) in forms.into_iter().enumerate() {
        let body = format!(r#"{{"ref":"b{at}","sku":"A","qty":1,"eta":"{good}"}}"#);
        assert_eq!(node.post("/add_batch", &body).await.status, 201, "{good}");
    }
}

#[tokio::test]
async fn parameters_are_read_strictly() {
    let node = Node::open().await;
    let target = |target: &'static str| async {
        let reply = node.get(target).await;
        named(&reply)
    };
    assert_snapshot!(node.get("/v1/stock?colour=red").await, @r#"
    400 Bad Request
    content-type: application/problem+json
    {"type":"/problems/invalid-input","title":"Invalid input","status":400,"detail":"this operation has no parameter \"colour\"","message":"this operation has no parameter \"colour\"","outcome":"none","field":"colour"}
    "#);
    assert_eq!(target("/v1/stock?limit=1&limit=2").await, (400, "limit".into()));
    assert_eq!(target("/v1/stock?limit=%31%").await, (400, "limit".into()));
    assert_eq!(target("/v1/stock?limit=").await, (400, "limit".into()));
    assert_eq!(target("/v1/stock?limit=+1").await, (400, "limit".into()));
    assert_eq!(target("/v1/stock?limit=99999999999999999999").await, (400, "limit".into()));
    assert_eq!(target("/v1/stock?%FF=1").await, (400, "query".into()));
    assert_eq!(target("/v1/stock/%FF").await, (400, "path".into()));
    assert_eq!(target("/v1/stock/%00").await, (400, "sku".into()));
    assert_eq!(target("/v1/stock/%20A").await, (400, "sku".into()));
    assert_eq!(target("/v1/allocations/o1/l1?sku=").await, (400, "sku".into()));
}

#[tokio::test]
async fn only_json_is_accepted() {
    let node = Node::open().await;
    let batch = r#"{"reference":"b","sku":"A","quantity":1}"#;
    let post = |header: &'static str| format!("POST /v1/batches\n{header}");
    assert_snapshot!(node.request(&post("Content-Type: text/plain"), batch).await, @r#"
    415 Unsupported Media Type
    content-type: application/problem+json
    connection: close
    {"type":"/problems/unsupported-media-type","title":"Unsupported media type","status":415,"detail":"the body must be application/json","message":"the body must be application/json","outcome":"none","field":"Content-Type"}
    "#);
    let other = node.request(&post("Content-Type: application/json; charset=latin1"), batch).await;
    assert_eq!(named(&other), (415, "Content-Type".into()));
    let lines = node.request(&post("Content-Type: application/x-ndjson"), batch).await;
    assert_eq!(named(&lines), (415, "Content-Type".into()));
    let zipped = "Content-Type: application/json\nContent-Encoding: gzip";
    let zipped = node.request(&post(zipped), batch).await;
    assert_eq!(named(&zipped), (415, "Content-Encoding".into()));
    let empty = node.post("/v1/batches", "").await;
    assert_eq!(named(&empty), (415, "Content-Type".into()));
    let empty = node.request(&post("Content-Type: application/json"), "").await;
    assert_eq!(named(&empty), (400, "body".into()));
    let utf8 = post("Content-Type: Application/JSON; charset=\"UTF-8\"");
    assert_eq!(node.request(&utf8, batch).await.status, 201);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let node = Node::open().await;
    assert_snapshot!(node.get("/v2/nothing").await, @r#"
    404 Not Found
    content-type: application/problem+json
    {"type":"/problems/not-found","title":"Not found","status":404,"detail":"there is nothing at /v2/nothing","message":"there is nothing at /v2/nothing","outcome":"none","field":"path"}
    "#);
    assert_snapshot!(node.request("PUT /v1/batches/b1", "").await, @r#"
    405 Method Not Allowed
    content-type: application/problem+json
    allow: GET,HEAD,PATCH
    {"type":"/problems/method-not-allowed","title":"Method not allowed","status":405,"detail":"PUT is not allowed at this path","message":"PUT is not allowed at this path","outcome":"none","field":"method"}
    "#);
    assert_snapshot!(node.request("DELETE /add_batch", "").await, @r#"
    405 Method Not Allowed
    content-type: application/problem+json
    allow: POST
    {"type":"/problems/method-not-allowed","title":"Method not allowed","status":405,"detail":"DELETE is not allowed at this path","message":"DELETE is not allowed at this path","outcome":"none","field":"method"}
    "#);
    assert_eq!(node.get("/v1/stock/").await.status, 404);
    assert_eq!(node.request("BREW /v1/stock", "").await.status, 405);
}
