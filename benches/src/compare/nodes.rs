//! Several nodes of Earmark on one PostgreSQL, with the load divided among them.

use std::process::{Child, Stdio};

use earmark_servers::postgres::Postgres;
use serde_json::Value;

use super::daemon::Daemon;
use super::environment::BenchEnv;
use super::http::{self, figures};
use super::measured::Measured;
use super::row_locks::SETTINGS;
use crate::failure::Failure;

/// Measures nodes on one database under a workload; `connections` is the total of all nodes.
pub fn measure(
    env: &BenchEnv,
    nodes: usize,
    connections: usize,
    workload: &str,
) -> Result<Measured, Failure> {
    let postgres = Postgres::start(&SETTINGS).map_err(Failure::new)?;
    let store = postgres.database("earmark").map_err(Failure::new)?;
    measure_on(env, &vec![store; nodes], connections, workload)
}

/// Measures nodes with a database each, so that they share only the machine: the difference to one
/// node is the effect of the machine.
pub fn measure_alone(
    env: &BenchEnv,
    nodes: usize,
    connections: usize,
    workload: &str,
) -> Result<Measured, Failure> {
    let postgres = Postgres::start(&SETTINGS).map_err(Failure::new)?;
    let stores = (0..nodes).map(|node| postgres.database(&format!("earmark{node}")));
    let stores = stores.collect::<Result<Vec<String>, _>>().map_err(Failure::new)?;
    measure_on(env, &stores, connections, workload)
}

fn measure_on(
    env: &BenchEnv,
    stores: &[String],
    connections: usize,
    workload: &str,
) -> Result<Measured, Failure> {
    let nodes = stores.len();
    let folder = tempfile::tempdir_in(env.scratch.path())?;
    let mut servers = Vec::new();
    for (node, store) in stores.iter().enumerate() {
        let mut serve = http::serve(env, &folder.path().join(node.to_string()));
        serve.env("EARMARK_STORES_URL", store);
        servers.push(Daemon::start_announced(serve, "listening on ")?);
    }
    let mut benches = Vec::new();
    for (server, url) in &servers {
        let mut bench = http::bench(env, &["--workload", workload], env.whole());
        bench.args(["--url", url, "--connections", &(connections / nodes).to_string()]);
        bench.args(["--server-pid", &server.id().to_string()]);
        bench.stdin(Stdio::null()).stdout(Stdio::piped());
        benches.push(bench.spawn()?);
    }
    let reports = benches.into_iter().map(report).collect::<Result<Vec<Value>, Failure>>()?;
    for (server, _) in servers {
        server.stop()?;
    }
    Ok(combined(&reports))
}

fn report(bench: Child) -> Result<Value, Failure> {
    let output = bench.wait_with_output()?;
    if !output.status.success() {
        let printed = String::from_utf8_lossy(&output.stdout);
        return Err(Failure::new(format!(
            "earmark bench exited with {}: {printed}",
            output.status
        )));
    }
    serde_json::from_slice(&output.stdout).map_err(Failure::new)
}

/// Adds the rates; the rest is that of the worst node.
fn combined(reports: &[Value]) -> Measured {
    let worst = |of: fn(&Value) -> &Value| {
        reports.iter().filter_map(|it| of(it).as_f64()).max_by(f64::total_cmp)
    };
    let cpu = |it: &&Value| it["server_cpu_us_per_request"].as_f64().unwrap_or_default();
    let most_expensive = reports.iter().max_by(|a, b| cpu(a).total_cmp(&cpu(b)));
    Measured {
        per_second: reports.iter().filter_map(|it| it["lines_per_second"].as_f64()).sum(),
        p50_ms: worst(|it| &it["latency_ms"]["p50"]),
        p99_ms: worst(|it| &it["latency_ms"]["p99"]),
        cpu_us: worst(|it| &it["server_cpu_us_per_request"]),
        cpu_us_by_part: most_expensive
            .map(|it| figures(&it["server_cpu_us_by_thread"]))
            .unwrap_or_default(),
        rss_mib: worst(|it| &it["server_rss_peak_mib"]),
        ..Measured::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::combined;

    #[test]
    fn rates_are_added_and_the_worst_node_counts() {
        let node =
            |rate: f64, p99: f64| json!({"lines_per_second": rate, "latency_ms": {"p99": p99}});
        let measured = combined(&[node(10.0, 3.0), node(20.0, 2.0)]);
        assert!((measured.per_second - 30.0).abs() < 1e-9);
        assert_eq!((measured.p99_ms, measured.p50_ms), (Some(3.0), None));
    }
}
