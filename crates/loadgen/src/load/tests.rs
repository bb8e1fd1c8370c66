//! A stall of the server counts in the latency of every request that was due meanwhile.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use super::client::Expected;
use super::measure::Latency;
use super::run::run;
use super::{OrderIds, Plan, Target, Workload};
use crate::clock::{hold, thread};

const STALL: Duration = Duration::from_millis(300);

/// Serves one connection with a constant response; stalls before the first one.
fn stalling_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let (mut request, mut stall) = ([0; 4096], STALL);
        while socket.read(&mut request).is_ok_and(|bytes| bytes > 0) {
            hold(std::mem::take(&mut stall));
            let body = r#"{"outcome":"placed"}"#;
            let head = format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n", body.len());
            if socket.write_all((head + body).as_bytes()).is_err() {
                return;
            }
        }
    });
    address
}

fn latency(rate: Option<u32>) -> (u64, Latency) {
    let target = Target {
        address: stalling_server(),
        host: "localhost".to_owned(),
        expected: Expected { is_constant: true },
        process: None,
    };
    let plan = Plan {
        workload: Workload::Uniform,
        order_ids: OrderIds::Random,
        skus: 10,
        connections: 1,
        rate,
        warmup: Duration::ZERO,
        time: STALL * 3 / 2,
        bulk_lines: 1,
        seed: 1,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let taken = runtime.block_on(run(&target, &plan)).unwrap();
    assert_eq!(taken.tally.unexpected.len(), 0, "{:?}", taken.tally.unexpected);
    (taken.tally.requests(), Latency::of(&taken.tally.latency))
}

#[test]
fn an_open_loop_counts_a_stall_for_every_request_due_meanwhile() {
    let (requests, latency) = latency(Some(200));
    assert_eq!(requests, 90);
    // 60 of the 90 requests were due during the stall: half of those waited 150 ms or more.
    assert!(latency.p50 > 50.0 && latency.p90 > 200.0, "{latency:?}");
}

#[test]
fn a_closed_loop_sees_one_slow_response() {
    let (_, latency) = latency(None);
    assert!(latency.max >= 299.0 && latency.p50 < 100.0, "{latency:?}");
}
