//! Points that this project's own programs measure: over HTTP, and in a process.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use super::Stage;
use super::daemon::{Daemon, output};
use super::measured::Measured;
use crate::failure::Failure;

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    Constant,
    BareFile,
    Earmark,
}

/// Lines in a process: some seconds of work.
const LINES: &str = "1000000";
const LINES_QUICK: &str = "300000";

/// Puts load on a server that is started for it.
pub fn load(stage: &Stage, server: Server, workload: &[&str]) -> Result<Measured, Failure> {
    let mut bench = Command::new(stage.programs.join("earmark"));
    bench.args(["bench", "--json"]).args(workload);
    bench.args(["--seconds", &stage.seconds.to_string()]);
    bench.args(["--warmup", &stage.warmup.to_string()]);
    let name = match server {
        Server::Constant => "constant",
        Server::BareFile => "bare-file",
        Server::Earmark => {
            bench.arg("--scratch").arg(stage.scratch.path());
            return Ok(of_bench(&json(&mut bench)?));
        }
    };
    let data = tempfile::tempdir_in(stage.scratch.path())?;
    let mut baseline = Command::new(stage.programs.join("earmark-benches"));
    baseline.args(["serve", name, "--data"]).arg(data.path());
    let (baseline, url) = Daemon::that_says(baseline, "listening on ")?;
    bench.args(["--constant-answers", "--url", &url]);
    bench.args(["--server-pid", &baseline.id().to_string()]);
    let measured = of_bench(&json(&mut bench)?);
    baseline.stop()?;
    Ok(measured)
}

/// Sends lines in a process of their own.
pub fn in_process(stage: &Stage, work: &str) -> Result<Measured, Failure> {
    let mut command = Command::new(stage.programs.join("earmark-benches"));
    let lines = if stage.is_quick { LINES_QUICK } else { LINES };
    command.args(["in-process", work, "--lines", lines, "--scratch"]).arg(stage.scratch.path());
    let told = json(&mut command)?;
    Ok(Measured {
        per_second: number(&told["lines_per_second"]),
        cpu_us_by_part: figures(&told["cpu_us_by_part"]),
        ..Measured::default()
    })
}

/// Replays the orders of a year.
pub fn replay(stage: &Stage) -> Result<Measured, Failure> {
    let orders = stage.orders.as_ref().ok_or_else(|| Failure::new("no orders were named"))?;
    let data = tempfile::tempdir_in(stage.scratch.path())?;
    let mut command = Command::new(stage.programs.join("earmark"));
    command.args(["replay", "--json", "--data"]).arg(data.path().join("data")).arg(orders);
    let told = json(&mut command)?;
    Ok(Measured { per_second: number(&told["lines_per_second"]), ..Measured::default() })
}

fn of_bench(told: &Value) -> Measured {
    let latency = &told["latency_ms"];
    Measured {
        per_second: number(&told["lines_per_second"]),
        p50_ms: latency["p50"].as_f64(),
        p99_ms: latency["p99"].as_f64(),
        cpu_us: told["server_cpu_us_per_request"].as_f64(),
        cpu_us_by_part: figures(&told["server_cpu_us_by_thread"]),
        rss_mib: told["server_rss_peak_mib"].as_f64(),
        lag_events: told["view_lag_max_events"].as_f64(),
        held_over_5_ms: told["held_up_by_views"]["over_5_ms"].as_f64(),
    }
}

fn json(command: &mut Command) -> Result<Value, Failure> {
    serde_json::from_str(&output(command)?).map_err(Failure::new)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

/// Figures under their names; none where there are none.
pub fn figures(value: &Value) -> BTreeMap<String, f64> {
    let named = value.as_object().into_iter().flatten();
    named.filter_map(|(name, it)| Some((name.clone(), it.as_f64()?))).collect()
}
