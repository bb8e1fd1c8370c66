//! Limits of size and timeouts, lowered so that a test reaches them.

use std::time::Duration;

use earmark_gateway::Settings;
use insta::assert_snapshot;

use crate::client::request;
use crate::node::Node;

const SHORT_TIMEOUT: Duration = Duration::from_millis(250);

fn batch_of(bytes: usize) -> String {
    let batch = r#"{"reference":"b","sku":"A","quantity":1}"#;
    format!("{batch}{}", " ".repeat(bytes - batch.len()))
}

#[tokio::test]
async fn a_body_has_a_limit_of_size() {
    let node = Node::open().await;
    assert_eq!(node.post("/v1/batches", &batch_of(256 * 1024)).await.status, 201);
    assert_snapshot!(node.post("/v1/batches", &batch_of(256 * 1024 + 1)).await, @r#"
    413 Payload Too Large
    content-type: application/problem+json
    connection: close
    {"type":"/problems/body-too-large","title":"Body too large","status":413,"detail":"the body may have at most 262144 bytes","message":"the body may have at most 262144 bytes","outcome":"none","field":"body"}
    "#);
}

#[tokio::test]
async fn an_endless_chunked_body_is_cut_off() {
    let node = Node::open().await;
    let mut client = node.client().await;
    let head = "POST /v1/batches HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n\
        Transfer-Encoding: chunked\r\n\r\n";
    client.send(head).await;
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    for _ in 0..64 {
        if !client.try_send(&chunk).await {
            break;
        }
    }
    assert_eq!(client.read().await.unwrap().status, 413);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_header_has_limits() {
    let node = Node::open().await;
    let fields = "X-A: b\n".repeat(65);
    assert_snapshot!(node.request(&format!("GET /healthz\n{fields}"), "").await, @r#"
    431 Request Header Fields Too Large
    content-type: application/problem+json
    connection: close
    {"type":"/problems/header-too-large","title":"Header too large","status":431,"detail":"a header may have at most 64 fields and 16384 bytes","message":"a header may have at most 64 fields and 16384 bytes","outcome":"none","field":"header"}
    "#);
    let long = "a".repeat(16 * 1024);
    assert_eq!(node.request(&format!("GET /healthz\nX-A: {long}"), "").await.status, 431);
    assert_eq!(node.get(&format!("/v1/stock/{long}")).await.status, 431);
    let mut client = node.client().await;
    client.try_send(format!("GET /healthz HTTP/1.1\r\nX-A: {}", "a".repeat(300_000))).await;
    assert_eq!(client.read().await.map(|reply| reply.status), Some(431));
}

#[tokio::test]
async fn a_slow_header_gets_408() {
    let node = Node::with(Settings { header_timeout: SHORT_TIMEOUT, ..Settings::default() }).await;
    let mut client = node.client().await;
    assert_eq!(client.request("GET /healthz", "").await.status, 200);
    client.send("GET /heal").await;
    assert_snapshot!(client.read().await.unwrap(), @r#"
    408 Request Timeout
    content-type: application/problem+json
    connection: close
    {"type":"/problems/request-timeout","title":"Request timeout","status":408,"detail":"the header did not arrive in time","message":"the header did not arrive in time","outcome":"none","field":"header"}
    "#);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_header_in_pieces_gets_no_extra_time() {
    let node = Node::with(Settings { header_timeout: SHORT_TIMEOUT, ..Settings::default() }).await;
    let mut client = node.client().await;
    client.send("GET /healthz HTTP/1.1\r\n").await;
    while client.try_send("X-A: b\r\n").await {
        if let Ok(reply) = tokio::time::timeout(SHORT_TIMEOUT / 10, client.read()).await {
            assert_eq!(reply.unwrap().status, 408);
            return;
        }
    }
    panic!("closed without a response");
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_a_response() {
    let node = Node::with(Settings { idle_timeout: SHORT_TIMEOUT, ..Settings::default() }).await;
    let mut silent = node.client().await;
    assert!(silent.read().await.is_none());
    let mut used = node.client().await;
    assert_eq!(used.request("GET /healthz", "").await.status, 200);
    assert!(used.read().await.is_none());
}

#[tokio::test]
async fn a_slow_body_gets_408() {
    let slow = Settings { body_idle_timeout: SHORT_TIMEOUT, ..Settings::default() };
    let node = Node::with(slow).await;
    let mut client = node.client().await;
    let whole = request("POST /v1/batches", &batch_of(200));
    client.send(&whole[..whole.len() - 10]).await;
    assert_snapshot!(client.read().await.unwrap(), @r#"
    408 Request Timeout
    content-type: application/problem+json
    connection: close
    {"type":"/problems/request-timeout","title":"Request timeout","status":408,"detail":"the body did not arrive in time","message":"the body did not arrive in time","outcome":"none","field":"body"}
    "#);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_body_in_pieces_gets_no_extra_time() {
    let node = Node::with(Settings { body_timeout: SHORT_TIMEOUT, ..Settings::default() }).await;
    let mut client = node.client().await;
    client.send(&request("POST /v1/batches", &batch_of(100_000))[..1_000]).await;
    while client.try_send(" ").await {
        if let Ok(reply) = tokio::time::timeout(SHORT_TIMEOUT / 10, client.read()).await {
            assert_eq!(reply.unwrap().status, 408);
            return;
        }
    }
    panic!("closed without a response");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let node = Node::with(Settings { connections_max: 1, ..Settings::default() }).await;
    let mut first = node.client().await;
    assert_eq!(first.request("GET /healthz", "").await.status, 200);
    let mut second = node.client().await;
    second.send(request("GET /healthz", "")).await;
    assert!(tokio::time::timeout(SHORT_TIMEOUT, second.read()).await.is_err());
    drop(first);
    assert_eq!(second.read().await.unwrap().status, 200);
}

#[tokio::test]
async fn slow_clients_do_not_delay_others() {
    let node = Node::open().await;
    let mut slow = Vec::new();
    for at in 0..200 {
        let mut client = node.client().await;
        let whole = request("POST /v1/batches", &batch_of(100));
        client.send(&whole[..if at % 2 == 0 { 10 } else { whole.len() - 10 }]).await;
        slow.push(client);
    }
    node.batch("b1", "LAMP", 10).await;
    assert_eq!(node.get("/v1/stock/LAMP").await.status, 200);
}
