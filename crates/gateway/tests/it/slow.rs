//! Thousands who are slow, beside those who are not.

use std::time::Duration;

use earmark_gateway::Settings;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::client::{Client, request};
use crate::node::{Node, start};

/// So many send a header slowly, and so many a body.
const SLOW: usize = 2_000;
/// The slow ones are cut off after this, by the settings of the test. Where a busy machine needs
/// longer to bring all of them in, they come again and stay for the longer time.
const PATIENCE: [Duration; 2] = [Duration::from_secs(12), Duration::from_secs(60)];
/// One who is not slow is answered within this, while none of the slow ones has ended.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// So often a slow one sends a byte more, which earns it no more time.
const TRICKLE_INTERVAL: Duration = Duration::from_secs(2);
/// So long after that all of them are gone.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);
/// More memory than this is not needed for them, both ends of 4,000 connections together.
const GROWTH_KIB_MAX: u64 = 256 * 1024;

/// Both ends of each connection are descriptors of this process.
fn raise_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("no more than the hard limit");
    let room = limit.current.unwrap_or(u64::MAX);
    assert!(room > 4 * SLOW as u64 + 200, "the system allows only {room} open files");
}

/// Memory of this process.
pub fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("so has it");
    let number = line.split_whitespace().next().and_then(|it| it.parse().ok());
    number.expect("a number of KiB")
}

/// Sends a byte now and then, and says how it was told: the status of its answer, or nothing but
/// the end.
async fn told(mut client: Client) -> Option<u16> {
    loop {
        match timeout(TRICKLE_INTERVAL, client.read()).await {
            Ok(reply) => return reply.map(|reply| reply.status),
            Err(_) => _ = client.try_send(" ").await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_thousand_slow_clients_hold_nobody_up_and_are_cut_off() {
    raise_descriptors();
    let [usual, longer] = PATIENCE;
    let all_were_there = beside_slow_ones(usual).await || beside_slow_ones(longer).await;
    assert!(all_were_there, "{} slow clients at the same time", 2 * SLOW);
}

/// Honest clients are served beside slow ones. Whether all slow ones were there at the same time.
async fn beside_slow_ones(patience: Duration) -> bool {
    let settings = Settings {
        header_timeout: patience,
        body_idle_timeout: patience,
        body_timeout: patience,
        ..Settings::default()
    };
    let node = Node::with(settings).await;
    node.batch("b1", "LAMP", 1_000_000).await;
    let before = resident_kib();
    let header = "POST /v1/allocations HTTP/1.1\r\nHost: test\r\nX-Slow: ";
    // The last hundred bytes of the body, which are blanks, are what it is slow with.
    let body = r#"{"order_id":"slow","sku":"LAMP","quantity":1}"#;
    let whole = request("POST /v1/allocations", &(body.to_owned() + &" ".repeat(100)));
    let mut slow = Vec::new();
    for at in 0..2 * SLOW {
        let mut client = node.client().await;
        client.send(if at % 2 == 0 { header } else { &whole[..whole.len() - 100] }).await;
        slow.push(start(told(client)));
        if at % 100 == 0 {
            honest(&node, at).await;
        }
    }
    for at in 0..50 {
        honest(&node, 2 * SLOW + at).await;
    }
    let growth = resident_kib().saturating_sub(before);
    let all_were_there = !slow.iter().any(JoinHandle::is_finished);
    assert!(growth < GROWTH_KIB_MAX, "{growth} KiB for {} slow clients", 2 * SLOW);
    println!("{growth} KiB for both ends of {} slow clients", slow.len());
    let all = timeout(patience + CLOSE_TIMEOUT, async {
        for client in slow {
            assert_eq!(client.await.expect("it is told"), Some(408), "each of them is told why");
        }
    });
    all.await.expect("the slow ones are gone");
    assert_eq!(node.get("/v1/orders/slow/allocations").await.status, 404);
    all_were_there
}

/// One who asks and is answered in time.
async fn honest(node: &Node, at: usize) {
    let line = format!(r#"{{"order_id":"o{at}","sku":"LAMP","quantity":1}}"#);
    let reply = timeout(RESPONSE_TIMEOUT, node.post("/v1/allocations", &line)).await;
    assert_eq!(reply.expect("an answer in time").status, 201);
}
