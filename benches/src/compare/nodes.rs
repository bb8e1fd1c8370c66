//! Several nodes of Earmark on one PostgreSQL, the load shared out among them.

use std::process::{Child, Stdio};

use earmark_servers::postgres::Postgres;
use serde_json::Value;

use super::Stage;
use super::daemon::Daemon;
use super::http::{self, figures};
use super::measured::Measured;
use super::row_locks::SETTINGS;
use crate::failure::Failure;

/// Measures so many nodes under a workload, from so many connections in all.
pub fn measure(
    stage: &Stage,
    nodes: usize,
    connections: usize,
    workload: &str,
) -> Result<Measured, Failure> {
    let postgres = Postgres::start(&SETTINGS).map_err(Failure::new)?;
    let store = postgres.database("earmark").map_err(Failure::new)?;
    measure_on(stage, &vec![store; nodes], connections, workload)
}

/// The same with a database for each: they share the machine and nothing else. What the machine
/// alone takes from them shows here.
pub fn measure_alone(
    stage: &Stage,
    nodes: usize,
    connections: usize,
    workload: &str,
) -> Result<Measured, Failure> {
    let postgres = Postgres::start(&SETTINGS).map_err(Failure::new)?;
    let stores = (0..nodes).map(|node| postgres.database(&format!("earmark{node}")));
    let stores = stores.collect::<Result<Vec<String>, _>>().map_err(Failure::new)?;
    measure_on(stage, &stores, connections, workload)
}

fn measure_on(
    stage: &Stage,
    stores: &[String],
    connections: usize,
    workload: &str,
) -> Result<Measured, Failure> {
    let nodes = stores.len();
    let folder = tempfile::tempdir_in(stage.scratch.path())?;
    let mut servers = Vec::new();
    for (node, store) in stores.iter().enumerate() {
        let mut serve = http::serve(stage, &folder.path().join(node.to_string()));
        serve.env("EARMARK_STORES_URL", store);
        servers.push(Daemon::that_says(serve, "listening on ")?);
    }
    let mut benches = Vec::new();
    for (server, url) in &servers {
        let mut bench = http::bench(stage, &["--workload", workload], stage.whole());
        bench.args(["--url", url, "--connections", &(connections / nodes).to_string()]);
        bench.args(["--server-pid", &server.id().to_string()]);
        bench.stdin(Stdio::null()).stdout(Stdio::piped());
        benches.push(bench.spawn()?);
    }
    let told = benches.into_iter().map(told).collect::<Result<Vec<Value>, Failure>>()?;
    for (server, _) in servers {
        server.stop()?;
    }
    Ok(together(&told))
}

fn told(bench: Child) -> Result<Value, Failure> {
    let output = bench.wait_with_output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout);
        return Err(Failure::new(format!("a load ended with {}: {said}", output.status)));
    }
    serde_json::from_slice(&output.stdout).map_err(Failure::new)
}

/// Rates are added; of the rest, the worst node counts.
fn together(told: &[Value]) -> Measured {
    let worst = |of: fn(&Value) -> &Value| {
        told.iter().filter_map(|it| of(it).as_f64()).max_by(f64::total_cmp)
    };
    let cpu = |it: &&Value| it["server_cpu_us_per_request"].as_f64().unwrap_or_default();
    let dearest = told.iter().max_by(|a, b| cpu(a).total_cmp(&cpu(b)));
    Measured {
        per_second: told.iter().filter_map(|it| it["lines_per_second"].as_f64()).sum(),
        p50_ms: worst(|it| &it["latency_ms"]["p50"]),
        p99_ms: worst(|it| &it["latency_ms"]["p99"]),
        cpu_us: worst(|it| &it["server_cpu_us_per_request"]),
        cpu_us_by_part: dearest
            .map(|it| figures(&it["server_cpu_us_by_thread"]))
            .unwrap_or_default(),
        rss_mib: worst(|it| &it["server_rss_peak_mib"]),
        ..Measured::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::together;

    #[test]
    fn rates_are_added_and_the_slower_node_counts() {
        let node =
            |rate: f64, p99: f64| json!({"lines_per_second": rate, "latency_ms": {"p99": p99}});
        let measured = together(&[node(10.0, 3.0), node(20.0, 2.0)]);
        assert!((measured.per_second - 30.0).abs() < 1e-9);
        assert_eq!((measured.p99_ms, measured.p50_ms), (Some(3.0), None));
    }
}
