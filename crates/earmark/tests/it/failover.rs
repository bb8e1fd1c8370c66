//! PostgreSQL fails over to a standby without the last commits.

use std::time::Duration;

use earmark_servers::clock::until;
use earmark_servers::postgres::{Postgres, Stop};
use earmark_servers::proxy::Proxy;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Server, done, text};

/// The time in which a process that has lost its log must end.
const WAIT_MAX: Duration = Duration::from_secs(60);

fn start(folders: &TempDir, name: &str, store: &str) -> Server {
    let folder = folders.path().join(name);
    let serve = ["serve", "--listen", "127.0.0.1:0", "--log", "off", "--data", text(&folder)];
    Server::begin(&[&serve[..], &["--store", store]].concat())
}

fn allocate(server: &Server, order: &str, quantity: u32) -> u16 {
    let body = json!({"order_id": order, "sku": "CLOCK", "quantity": quantity});
    server.post("/v1/allocations", &body.to_string()).0
}

fn allocated(server: &Server) -> u64 {
    let (status, stock) = server.get("/v1/stock/CLOCK");
    assert_eq!(status, 200, "{stock}");
    let stock: Value = serde_json::from_str(&stock).unwrap();
    stock["allocated"].as_u64().unwrap()
}

#[test]
fn a_node_notices_a_failover_that_lost_commits_and_restarts_from_the_log() {
    for are_others_faster in [false, true] {
        let mut primary = Postgres::start(&[]).unwrap();
        let proxy = Proxy::start(primary.port()).unwrap();
        primary.database("shop").unwrap();
        let standby = primary.start_standby().unwrap();
        let folders = tempfile::tempdir().unwrap();
        let store = format!("postgres://postgres@127.0.0.1:{}/shop", proxy.port());

        let mut node = start(&folders, "node", &store);
        let batch = json!({"reference": "b1", "sku": "CLOCK", "quantity": 10});
        assert_eq!(node.post("/v1/batches", &batch.to_string()).0, 201);
        assert_eq!(allocate(&node, "kept", 2), 201);
        standby.detach(&primary).unwrap();
        assert_eq!(allocate(&node, "lost", 5), 201);
        assert_eq!(allocated(&node), 7);

        primary.stop(Stop::Immediate).unwrap();
        standby.promote().unwrap();
        if are_others_faster {
            let other = start(&folders, "other", &standby.url("shop"));
            for order in ["a", "b", "c"] {
                assert_eq!(allocate(&other, order, 1), 201);
            }
            assert_eq!(other.stop(), 0);
        }
        proxy.route_to(standby.port());
        let mut ended = None;
        assert!(until(WAIT_MAX, || {
            ended = node.child.try_wait().unwrap();
            ended.is_some()
        }));
        assert_eq!(ended.and_then(|it| it.code()), Some(1), "it reports a failure");

        let node = start(&folders, "node", &store);
        let left: u32 = if are_others_faster { 5 } else { 8 };
        assert_eq!(allocated(&node), u64::from(10 - left), "its views match this log");
        assert_eq!(allocate(&node, "more than there is", left + 1), 409);
        assert_eq!(allocate(&node, "all that is left", left), 201);
        assert_eq!(node.stop(), 0);
        let folder = folders.path().join("verify");
        done(&["verify", "--store", &store, "--data", text(&folder)]);
    }
}
