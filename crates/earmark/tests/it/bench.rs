//! The benchmark runs, checks responses and verifies the log, for every workload.

use crate::program::{Server, done, run, text};

/// A short run unless the arguments set its duration. There is no warmup: on a slow disk, the first
/// requests must count.
fn bench(arguments: &[&str]) -> serde_json::Value {
    let few = ["bench", "--json", "--skus", "50", "--connections", "4", "--warmup", "0"];
    let short = if arguments.contains(&"--seconds") { &[][..] } else { &["--seconds", "0.3"] };
    done(&[&few[..], short, arguments].concat()).json()
}

#[test]
fn a_second_of_load_is_checked_and_its_log_verified() {
    let report = bench(&["--seconds", "1"]);
    let requests = report["requests"].as_u64().unwrap();
    assert!(requests > 10, "{report}");
    assert_eq!(report["answers"]["placed"], requests);
    assert_eq!(report["lines"], requests);
    assert_eq!(report["unexpected"], serde_json::json!({}));
    let latency = &report["latency_ms"];
    assert!(latency["p50"].as_f64().unwrap() > 0.0, "{report}");
    assert!(latency["p99"].as_f64() <= latency["max"].as_f64());
    assert!(report["server_rss_peak_mib"].as_f64().unwrap() > 1.0);
    // The batches are in the log too.
    assert!(report["verified"][0]["events"].as_u64().unwrap() > requests, "{report}");
}

#[test]
fn every_workload_gets_the_expected_responses() {
    for workload in ["zipf", "hot", "reads"] {
        let report = bench(&["--workload", workload, "--order-ids", "time"]);
        assert_eq!(report["workload"], workload);
    }
    let bulk = bench(&["--workload", "bulk", "--bulk-lines", "20"]);
    assert_eq!(bulk["lines"].as_u64().unwrap(), bulk["requests"].as_u64().unwrap() * 20);
    let storm = bench(&["--workload", "shortage", "--seconds", "0"]);
    assert_eq!((&storm["requests"], &storm["lines"]), (&1.into(), &5_000.into()));
    let cold = bench(&["--workload", "cold-start"]);
    assert!(cold["start_ms"].as_f64().unwrap() > 0.0, "{cold}");
}

#[test]
fn an_open_loop_sends_every_scheduled_request() {
    let report = bench(&["--rate", "100", "--seconds", "1"]);
    assert_eq!((&report["requests"], &report["rate"]), (&100.into(), &100.into()));
}

#[test]
fn a_running_server_is_measured_and_keeps_running() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(folder.path());
    let (url, id) = (server.url(), server.child.id().to_string());
    let report = bench(&["--url", &url, "--server-pid", &id, "--workload", "hot"]);
    let per_request = report["server_cpu_us_per_request"].as_f64();
    assert!(per_request.is_some_and(|us| us > 0.0), "{report}");
    // The system counts in ticks of 10 ms: on a busy machine one thread may not have used one.
    assert!(report["server_cpu_us_by_thread"]["write"].as_f64().is_some(), "{report}");
    assert_eq!(report["verified"], serde_json::Value::Null);
    assert_eq!(server.get("/healthz").0, 200);
    assert_eq!(server.stop(), 0);
    done(&["verify", "--data", text(folder.path())]);
}

#[test]
fn an_unexpected_response_fails_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(folder.path());
    // The SKU's batch exists with too small a quantity, so the benchmark's own batch is refused.
    let batch = r#"{"ref":"bench-S00000000","sku":"S00000000","qty":1,"eta":null}"#;
    server.post("/add_batch", batch);
    let said = run(&["bench", "--url", &server.url(), "--workload", "hot", "--seconds", "0.1"]);
    assert_eq!(said.code, 1);
    assert!(said.complaint().contains("a batch was not created: 409"), "{said:?}");
    let said = run(&["bench", "--url", "ftp://here", "--seconds", "0.1"]);
    assert_eq!(said.code, 2);
}
