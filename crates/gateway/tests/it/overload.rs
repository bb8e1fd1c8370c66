//! Full queues, failing storage, clients that hang up, and stopping the server.

use earmark_gateway::Settings;
use earmark_kernel::Limits;
use earmark_stores::memory::AppendFault;
use insta::assert_snapshot;

use crate::client::request;
use crate::node::Node;

const LINE: &str = r#"{"order_id":"o1","sku":"LAMP","quantity":4}"#;

#[tokio::test]
async fn a_full_queue_refuses_commands() {
    let limits = Limits { queue_commands: 1, ..Limits::default() };
    let mut node = Node::paused(Settings::default(), limits).await;
    let mut first = node.client().await;
    first.send(request("POST /v1/allocations", LINE)).await;
    node.queued(1).await;
    assert_snapshot!(node.post("/v1/allocations", LINE).await, @r#"
    503 Service Unavailable
    content-type: application/problem+json
    retry-after: 1
    {"type":"/problems/busy","title":"Busy","status":503,"detail":"too many commands are waiting; try again in 1 s","message":"too many commands are waiting; try again in 1 s","outcome":"none"}
    "#);
    let many = "POST /v1/allocations/bulk";
    assert_eq!(node.request(many, &format!("[{LINE}]")).await.status, 503);
    node.resume();
    assert_eq!(first.read().await.unwrap().status, 404);
}

#[tokio::test]
async fn a_command_is_completed_when_its_client_hangs_up() {
    let mut node = Node::paused(Settings::default(), Limits::default()).await;
    let mut client = node.client().await;
    client.send(request("POST /v1/allocations", LINE)).await;
    node.queued(1).await;
    drop(client);
    let mut again = node.client().await;
    again.send(request("POST /v1/allocations", LINE)).await;
    node.queued(2).await;
    node.resume();
    assert_eq!(again.read().await.unwrap().status, 404);
}

#[tokio::test]
async fn an_unread_body_closes_the_connection_after_the_response() {
    let mut node = Node::paused(Settings::default(), Limits::default()).await;
    let mut client = node.client().await;
    let begun = "DELETE /v1/allocations/o1/l1?sku=LAMP HTTP/1.1\r\nHost: x\r\n\
        Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n";
    client.send(begun).await;
    node.queued(1).await;
    node.resume();
    let answer = client.read().await.unwrap();
    assert_eq!((answer.status, answer.header("connection")), (404, Some("close")));
}

#[tokio::test]
async fn an_incomplete_request_does_nothing() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 4).await;
    let whole = request("POST /v1/allocations", LINE);
    for end in [1, 20, whole.len() / 2, whole.len() - 1] {
        let mut client = node.client().await;
        client.send(&whole[..end]).await;
    }
    assert_eq!(node.get("/v1/stock/LAMP").await.json()["allocated"], 0);
}

#[tokio::test]
async fn storage_failures_are_problems() {
    let node = Node::open().await;
    node.batch("b1", "LAMP", 100).await;
    let faults = node.log.faults();
    faults.next_append(AppendFault::Full);
    assert_snapshot!(node.post("/v1/allocations", LINE).await, @r#"
    503 Service Unavailable
    content-type: application/problem+json
    retry-after: 10
    {"type":"/problems/storage-full","title":"Storage full","status":503,"detail":"the storage is full: a fault was ordered","message":"the storage is full: a fault was ordered","outcome":"none"}
    "#);
    faults.next_append(AppendFault::Failed);
    assert_snapshot!(node.post("/v1/allocations", LINE).await, @r#"
    503 Service Unavailable
    content-type: application/problem+json
    retry-after: 1
    {"type":"/problems/storage-failed","title":"Storage failed","status":503,"detail":"the storage could not be read or written","message":"the storage could not be read or written","outcome":"none"}
    "#);
    assert_eq!(node.get("/readyz").await.status, 200);
    faults.next_append(AppendFault::UnknownWritten);
    assert_snapshot!(node.post("/v1/allocations", LINE).await, @r#"
    503 Service Unavailable
    content-type: application/problem+json
    retry-after: 1
    {"type":"/problems/unknown-outcome","title":"Outcome unknown","status":503,"detail":"it is not known whether the request was done; send it again with the same Idempotency-Key","message":"it is not known whether the request was done; send it again with the same Idempotency-Key","outcome":"unknown"}
    "#);
    assert_snapshot!(node.post("/v1/allocations", LINE).await, @r#"
    503 Service Unavailable
    content-type: application/problem+json
    retry-after: 5
    {"type":"/problems/stopping","title":"Stopping","status":503,"detail":"the service is stopping","message":"the service is stopping","outcome":"none"}
    "#);
    assert_snapshot!(node.get("/readyz").await, @r#"
    503 Service Unavailable
    content-type: application/problem+json
    {"type":"/problems/not-ready","title":"Not ready","status":503,"detail":"the writer of allocation/0 has stopped: a fault was ordered","message":"the writer of allocation/0 has stopped: a fault was ordered","outcome":"none"}
    "#);
    assert_eq!(node.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn requests_in_flight_complete_before_the_server_stops() {
    let mut node = Node::paused(Settings::default(), Limits::default()).await;
    let mut client = node.client().await;
    client.send(request("POST /v1/allocations", LINE)).await;
    node.queued(1).await;
    let mut idle = node.client().await;
    assert_eq!(idle.request("GET /healthz", "").await.status, 200);
    node.stop();
    assert!(idle.is_closed().await);
    node.resume();
    let reply = client.read().await.unwrap();
    assert_eq!((reply.status, reply.header("connection")), (404, Some("close")));
    assert!(node.stopped().await);
}

#[tokio::test]
async fn requests_sent_before_the_stop_get_a_response() {
    let mut node = Node::open().await;
    node.batch("b1", "LAMP", 4).await;
    let mut idle = node.client().await;
    assert_eq!(idle.request("GET /healthz", "").await.status, 200);
    let mut half = node.client().await;
    let whole = request("GET /healthz", "");
    half.send(&whole[..20]).await;
    assert_eq!(node.get("/healthz").await.status, 200);
    // From here on the server has no time to read before it is asked to stop.
    let mut new = node.client().await;
    for client in [&mut idle, &mut new] {
        client.send(request("POST /v1/allocations", LINE)).await;
    }
    node.stop();
    let replies = [idle.read().await.unwrap(), new.read().await.unwrap()];
    // A response that was faster than the stop has no `Connection: close`, but is the last one.
    assert!(idle.is_closed().await && new.is_closed().await, "{replies:?}");
    // The first of the two allocated the line.
    assert_eq!(replies[0].status + replies[1].status, 201 + 200, "{replies:?}");
    half.send(&whole[20..]).await;
    assert_eq!(half.read().await.unwrap().status, 200);
    assert!(node.stopped().await);
}
