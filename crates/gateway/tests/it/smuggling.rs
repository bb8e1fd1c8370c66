//! Requests with ambiguous framing, which two servers could read differently.

use crate::client::{Client, Reply, request};
use crate::hostile::{assert_unharmed, guarded};
use crate::node::Node;

const HEAD: &str = "POST /v1/batches HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";

/// A whole request that another server might find in the body of the first.
fn hidden() -> String {
    let line = r#"{"order_id":"hidden","sku":"SAFE","quantity":1}"#;
    request("POST /v1/allocations", line)
}

/// Sends these headers and the hidden request; all responses must be refusals.
async fn assert_refused(node: &Node, form: &str) {
    let mut client = node.client().await;
    client.try_send(format!("{HEAD}{form}{}", hidden())).await;
    client.finish().await;
    for reply in all(&mut client).await {
        assert!((400..500).contains(&reply.status), "{form:?}: {reply}");
    }
    assert_not_executed(node, form).await;
}

async fn assert_not_executed(node: &Node, form: &str) {
    let found = node.get("/v1/orders/hidden/allocations").await;
    assert_eq!(found.status, 404, "{form:?}");
}

async fn all(client: &mut Client) -> Vec<Reply> {
    let mut replies = Vec::new();
    while let Some(reply) = client.read().await {
        replies.push(reply);
    }
    replies
}

#[tokio::test]
async fn a_request_smuggled_behind_two_lengths_is_not_executed() {
    let node = guarded().await;
    let length = hidden().len();
    let forms = [
        format!("Content-Length: 0\r\nContent-Length: {length}\r\n\r\n"),
        format!("Content-Length: {length}\r\nContent-Length: 0\r\n\r\n"),
        format!("Content-Length: 0, {length}\r\n\r\n"),
        "Content-Length: 0, 0\r\n\r\n".to_owned(),
        "Content-Length: 0x0\r\n\r\n".to_owned(),
        "Content-Length: 0;a\r\n\r\n".to_owned(),
        "Content-Length:\r\n\r\n".to_owned(),
        "Content-Length : 0\r\n\r\n".to_owned(),
        "Content-Length\t: 0\r\n\r\n".to_owned(),
        format!("Content-Length: 0\r\n {length}\r\n\r\n"),
        "Content-Length:\r\n 0\r\n\r\n".to_owned(),
        "X: y\rContent-Length: 0\r\n\r\n".to_owned(),
        "X: y\r\rContent-Length: 0\r\n\r\n".to_owned(),
        "X\rContent-Length: 0\r\n\r\n".to_owned(),
        format!("Content-Length: 0\nContent-Length: {length}\r\n\r\n"),
        format!("Content-Length: 0\nContent-Length: {length}\n\n"),
    ];
    for form in forms {
        assert_refused(&node, &form).await;
    }
    assert_unharmed(&node).await;
}

#[tokio::test]
async fn a_request_smuggled_behind_a_length_and_chunks_is_not_executed() {
    let node = guarded().await;
    let length = hidden().len();
    for first in [0, 5, length + 5] {
        let length = format!("Content-Length: {first}\r\n");
        for chunked in ["chunked", "Chunked", "CHUNKED"] {
            let chunks = format!("Transfer-Encoding: {chunked}\r\n");
            assert_refused(&node, &format!("{length}{chunks}\r\n0\r\n\r\n")).await;
            assert_refused(&node, &format!("{chunks}{length}\r\n0\r\n\r\n")).await;
            assert_refused(&node, &format!("{chunks}{length}\r\nzz\r\n")).await;
        }
    }
    assert_unharmed(&node).await;
}

#[tokio::test]
async fn a_request_smuggled_behind_an_unusual_coding_is_not_executed() {
    let node = guarded().await;
    let codings = [
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: , chunked",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: \u{b}chunked",
        "Transfer-Encoding: chunked\u{0}",
        "Transfer-Encoding: chunked\u{a0}",
        "Transfer-Encoding:",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\r\n: chunked",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding: chunked\r\n ,identity",
        "X: y\rTransfer-Encoding: chunked",
        "X: y\nTransfer-Encoding: chunked\nContent-Length: 5",
    ];
    for coding in codings {
        assert_refused(&node, &format!("{coding}\r\n\r\n0\r\n\r\n")).await;
    }
    assert_unharmed(&node).await;
}

#[tokio::test]
async fn a_request_smuggled_behind_a_malformed_chunk_is_not_executed() {
    let node = guarded().await;
    let chunks = [
        "0x0\r\n\r\n",
        "+0\r\n\r\n",
        "-0\r\n\r\n",
        "0_0\r\n\r\n",
        "0\n\n",
        "0\r\n\n",
        "0\r\r\n\r\n",
        "0\0\r\n\r\n",
        "\r\n0\r\n\r\n",
        "1\r\nab\r\n0\r\n\r\n",
        "1\nx\n0\n\n",
        "1\r\nx0\r\n\r\n",
        "1;a\nb\r\nx\r\n0\r\n\r\n",
        "zz\r\n",
        "10000000000000000\r\n",
        "ffffffffffffffff\r\n",
    ];
    for chunk in chunks {
        assert_refused(&node, &format!("Transfer-Encoding: chunked\r\n\r\n{chunk}")).await;
    }
    assert_unharmed(&node).await;
}

#[tokio::test]
async fn an_unusual_coding_is_named_and_closes_the_connection() {
    let node = guarded().await;
    for coding in ["chunked, chunked", "gzip, chunked"] {
        let mut client = node.client().await;
        client.send(format!("{HEAD}Transfer-Encoding: {coding}\r\n\r\n0\r\n\r\n")).await;
        let reply = client.read().await.unwrap();
        assert_eq!((reply.status, &reply.json()["field"]), (400, &"Transfer-Encoding".into()));
        assert!(client.is_closed().await);
    }
}

#[tokio::test]
async fn an_unexpected_body_is_not_executed_as_a_request() {
    let node = guarded().await;
    let length = format!("Content-Length: {}", hidden().len());
    for method in ["GET /v1/stock/SAFE", "HEAD /v1/stock/SAFE", "OPTIONS /v1/stock", "GET /none"] {
        let mut client = node.client().await;
        client.send(format!("{method} HTTP/1.1\r\nHost: a\r\n{length}\r\n\r\n")).await;
        client.try_send(hidden()).await;
        client.finish().await;
        // The response to HEAD has a Content-Length and no body.
        assert!(client.read_head().await.is_some(), "{method}");
        client.is_closed().await;
        assert_not_executed(&node, method).await;
    }
    assert_unharmed(&node).await;
}
