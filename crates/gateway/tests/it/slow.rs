//! Thousands of slow clients beside normal ones.

use std::time::Duration;

use earmark_gateway::Settings;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::client::{Client, request};
use crate::node::{Node, start};

/// Clients that send a header slowly, and as many that send a body slowly.
const SLOW: usize = 2_000;
/// Timeouts after which slow clients are cut off. If a busy machine needs longer to connect all of
/// them, the test runs again with the longer timeout.
const SLOW_TIMEOUTS: [Duration; 2] = [Duration::from_secs(12), Duration::from_secs(60)];
/// Time within which a normal client gets its response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Interval at which a slow client sends another byte; that gives it no extra time.
const TRICKLE_INTERVAL: Duration = Duration::from_secs(2);
/// Time after the timeout within which all slow clients are cut off.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);
/// Memory for both ends of all slow connections together, at most.
const GROWTH_KIB_MAX: u64 = 256 * 1024;

/// Both ends of every connection are file descriptors of this process.
fn raise_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("not above the hard limit");
    let files_max = limit.current.unwrap_or(u64::MAX);
    assert!(files_max > 4 * SLOW as u64 + 200, "the system allows only {files_max} open files");
}

/// Resident memory of this process.
pub fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has this file");
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux reports it");
    let number = line.split_whitespace().next().and_then(|it| it.parse().ok());
    number.expect("a number of KiB")
}

/// Sends a byte at intervals; returns the status of the response, or none if the connection was
/// closed without one.
async fn trickle(mut client: Client) -> Option<u16> {
    loop {
        match timeout(TRICKLE_INTERVAL, client.read()).await {
            Ok(reply) => return reply.map(|reply| reply.status),
            Err(_) => _ = client.try_send(" ").await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_thousand_slow_clients_delay_nobody_and_are_cut_off() {
    raise_descriptors();
    let [usual, longer] = SLOW_TIMEOUTS;
    let all_were_connected =
        serve_beside_slow_clients(usual).await || serve_beside_slow_clients(longer).await;
    assert!(all_were_connected, "{} slow clients at the same time", 2 * SLOW);
}

/// Serves normal clients beside slow ones; returns whether all slow clients were connected at the
/// same time.
async fn serve_beside_slow_clients(slow_timeout: Duration) -> bool {
    let settings = Settings {
        header_timeout: slow_timeout,
        body_idle_timeout: slow_timeout,
        body_timeout: slow_timeout,
        ..Settings::default()
    };
    let node = Node::with(settings).await;
    node.batch("b1", "LAMP", 1_000_000).await;
    let before = resident_kib();
    let header = "POST /v1/allocations HTTP/1.1\r\nHost: test\r\nX-Slow: ";
    // The last hundred bytes of the body are spaces, which the client sends slowly.
    let body = r#"{"order_id":"slow","sku":"LAMP","quantity":1}"#;
    let whole = request("POST /v1/allocations", &(body.to_owned() + &" ".repeat(100)));
    let mut slow = Vec::new();
    for at in 0..2 * SLOW {
        let mut client = node.client().await;
        client.send(if at % 2 == 0 { header } else { &whole[..whole.len() - 100] }).await;
        slow.push(start(trickle(client)));
        if at % 100 == 0 {
            request_in_time(&node, at).await;
        }
    }
    for at in 0..50 {
        request_in_time(&node, 2 * SLOW + at).await;
    }
    let growth = resident_kib().saturating_sub(before);
    let all_were_connected = !slow.iter().any(JoinHandle::is_finished);
    assert!(growth < GROWTH_KIB_MAX, "{growth} KiB for {} slow clients", 2 * SLOW);
    println!("{growth} KiB for both ends of {} slow clients", slow.len());
    let all = timeout(slow_timeout + CLOSE_TIMEOUT, async {
        for client in slow {
            assert_eq!(
                client.await.expect("the task does not panic"),
                Some(408),
                "every slow client gets 408"
            );
        }
    });
    all.await.expect("all slow clients are cut off");
    assert_eq!(node.get("/v1/orders/slow/allocations").await.status, 404);
    all_were_connected
}

/// A normal client, which gets its response in time.
async fn request_in_time(node: &Node, at: usize) {
    let line = format!(r#"{{"order_id":"o{at}","sku":"LAMP","quantity":1}}"#);
    let reply = timeout(RESPONSE_TIMEOUT, node.post("/v1/allocations", &line)).await;
    assert_eq!(reply.expect("a response in time").status, 201);
}
