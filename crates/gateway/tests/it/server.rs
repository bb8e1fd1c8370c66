//! Probes, metrics, security headers and the pages of problems.

use insta::assert_snapshot;

use crate::client::request;
use crate::node::Node;

#[tokio::test]
async fn the_probes_list_the_services() {
    let node = Node::open().await;
    assert_snapshot!(node.get("/healthz").await, @r#"
    200 OK
    content-type: application/json
    {"status":"ok","version":"0.1.0","services":[{"service":"allocation","partition":0,"queue_commands":0,"view_lag_events":0}]}
    "#);
    assert_snapshot!(node.get("/readyz").await, @r#"
    200 OK
    content-type: application/json
    {"status":"ok","version":"0.1.0","services":[{"service":"allocation","partition":0,"queue_commands":0,"view_lag_events":0}]}
    "#);
    let mut client = node.client().await;
    client.send(request("HEAD /healthz\nConnection: close", "")).await;
    let head = client.read_head().await.unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK") && client.is_closed().await);
}

#[tokio::test]
async fn metrics_cover_requests_queues_and_views() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 1).await;
    node.get("/v1/stock/LAMP").await;
    let reply = node.get("/metrics").await;
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let expected = [
        "earmark_http_requests_total{route=\"/v1/stock/{sku}\",method=\"GET\",status=\"200\"}",
        "earmark_http_request_seconds_bucket{route=\"/v1/batches\",le=\"",
        "earmark_queue_commands{service=\"allocation\",partition=\"0\"}",
        "earmark_view_lag_events{service=\"allocation\",partition=\"0\"}",
        "earmark_commit_seconds_bucket{service=\"allocation\",le=\"",
        "earmark_group_commands_bucket{service=\"allocation\",le=\"",
    ];
    for line in expected {
        assert!(reply.body.contains(line), "{line} is not in\n{}", reply.body);
    }
}

#[tokio::test]
async fn every_response_has_the_security_headers() {
    let node = Node::open().await;
    for target in ["/healthz", "/docs", "/nothing", "/v1/stock"] {
        let reply = node.get(target).await;
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{target}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{target}");
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"), "{target}");
        assert_eq!(reply.header("x-frame-options"), Some("DENY"), "{target}");
        assert!(reply.header("content-security-policy").is_some(), "{target}");
        assert!(reply.header("access-control-allow-origin").is_none(), "{target}");
    }
}

#[tokio::test]
async fn every_kind_of_problem_has_a_page() {
    let node = Node::open().await;
    let all = node.get("/problems").await;
    let mut kinds = all.body.split("href=\"/problems/").skip(1).peekable();
    assert!(kinds.peek().is_some());
    for kind in kinds {
        let name = kind.split('"').next().unwrap();
        let page = node.get(&format!("/problems/{name}")).await;
        assert_eq!(page.status, 200, "{name}");
        assert!(page.body.contains(&format!("<code>/problems/{name}</code>")));
    }
    assert_snapshot!(node.get("/problems/nope").await, @r#"
    404 Not Found
    content-type: application/problem+json
    {"type":"/problems/not-found","title":"Not found","status":404,"detail":"there is no kind of problem called \"nope\"","message":"there is no kind of problem called \"nope\"","outcome":"none","field":"name"}
    "#);
}
