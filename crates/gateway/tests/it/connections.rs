//! What HTTP/1.1 requires of a server, and what attackers try.

use crate::client::request;
use crate::node::Node;

async fn status(node: &Node, bytes: &str) -> Option<u16> {
    let mut client = node.client().await;
    client.try_send(bytes).await;
    client.read().await.map(|reply| reply.status)
}

#[tokio::test]
async fn requests_follow_each_other_on_one_connection() {
    let node = Node::open().await;
    let mut client = node.client().await;
    let two = request("GET /healthz", "") + &request("GET /v1/stock/A", "");
    client.send(two).await;
    assert_eq!(client.read().await.unwrap().status, 200);
    assert_eq!(client.read().await.unwrap().status, 404);
    let reply = client.request("GET /healthz\nConnection: close", "").await;
    assert_eq!(reply.status, 200);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_request_has_exactly_one_host() {
    let node = Node::open().await;
    assert_eq!(status(&node, "GET /healthz HTTP/1.1\r\n\r\n").await, Some(400));
    let two = "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";
    assert_eq!(status(&node, two).await, Some(400));
    assert_eq!(status(&node, "GET /healthz HTTP/1.0\r\n\r\n").await, Some(200));
}

#[tokio::test]
async fn ambiguous_framing_is_refused() {
    let node = Node::open().await;
    let forms = [
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "Content-Length: 5, 6\r\n\r\nhello!",
        "Content-Length: +5\r\n\r\nhello",
        "Content-Length: 5 5\r\n\r\nhello",
        "Content-Length: -1\r\n\r\n",
        "Content-Length: 99999999999999999999\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n\r\n",
        "X-A: b\r\n folded: c\r\n\r\n",
        "X A: b\r\n\r\n",
        "X-A: b\0c\r\n\r\n",
        ": nameless\r\n\r\n",
    ];
    for form in forms {
        let whole = format!(
            "POST /v1/batches HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{form}"
        );
        let status = status(&node, &whole).await;
        assert!(status.is_none_or(|it| (400..500).contains(&it)), "{form:?}: {status:?}");
    }
}

#[tokio::test]
async fn content_length_is_ignored_for_a_chunked_body() {
    let node = Node::open().await;
    for lengths in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 3",
    ] {
        let mut client = node.client().await;
        let smuggled = "0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
        let head = "POST /v1/batches HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
        client.send(format!("{head}{lengths}\r\n\r\n{smuggled}")).await;
        assert_eq!(client.read().await.unwrap().status, 400);
    }
}

#[tokio::test]
async fn bytes_that_are_not_http_are_refused() {
    let node = Node::open().await;
    let forms = [
        "hello\r\n\r\n",
        "GET\r\n\r\n",
        "GET /healthz HTTP/9.9\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}",
    ];
    for form in forms {
        let mut client = node.client().await;
        client.try_send(form).await;
        client.finish().await;
        let status = client.read().await.map(|reply| reply.status);
        assert!(status.is_none_or(|it| (400..500).contains(&it)), "{form:?}: {status:?}");
    }
}

#[tokio::test]
async fn a_half_closed_client_gets_its_response() {
    let node = Node::open().await;
    let mut client = node.client().await;
    client.send(request("GET /v1/stock/A", "")).await;
    client.finish().await;
    assert_eq!(client.read().await.unwrap().status, 404);
}

#[tokio::test]
async fn expect_100_continue_is_supported() {
    let node = Node::open().await;
    let mut client = node.client().await;
    let batch = r#"{"reference":"b","sku":"A","quantity":1}"#;
    let whole = request("POST /v1/batches\nExpect: 100-continue", batch);
    let (head, body) = whole.split_at(whole.len() - batch.len());
    client.send(head).await;
    assert_eq!(client.read().await.unwrap().status, 100);
    client.send(body).await;
    assert_eq!(client.read().await.unwrap().status, 201);
}
