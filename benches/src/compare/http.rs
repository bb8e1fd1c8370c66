//! Points that this project's own programs measure: over HTTP, and in process.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::daemon::{Daemon, output};
use super::environment::{BenchEnv, LoadDuration};
use super::measured::Measured;
use super::turns::Target;
use crate::bare_log;
use crate::failure::Failure;

/// The server under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    Constant,
    BareFile,
    BareLog,
    Earmark,
}

/// Number of lines in process: some seconds of work.
const LINES: &str = "1000000";
const LINES_QUICK: &str = "300000";

/// Runs `earmark bench`, which starts a server itself.
pub fn load(env: &BenchEnv, workload: &[&str]) -> Result<Measured, Failure> {
    let mut bench = bench(env, workload, env.whole());
    bench.arg("--scratch").arg(env.scratch.path());
    Ok(of_bench(&json(&mut bench)?))
}

/// An `earmark bench` command with a duration.
pub fn bench(env: &BenchEnv, workload: &[&str], duration: LoadDuration) -> Command {
    let mut bench = earmark(env);
    bench.args(["bench", "--json"]).args(workload);
    bench.args(["--seconds", &duration.seconds.to_string()]);
    bench.args(["--warmup", &duration.warmup.to_string()]);
    bench
}

/// The `earmark` command without the environment variables that configure it.
fn earmark(env: &BenchEnv) -> Command {
    let mut earmark = Command::new(env.programs.join("earmark"));
    let names = std::env::vars_os().map(|(name, _)| name);
    for name in names.filter(|name| name.to_string_lossy().starts_with("EARMARK_")) {
        earmark.env_remove(name);
    }
    earmark
}

/// An `earmark serve` command on a folder, which logs only errors.
pub fn serve(env: &BenchEnv, data: &Path) -> Command {
    let mut serve = earmark(env);
    serve.args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--data"]).arg(data);
    serve
}

/// A running server and its workload. It is paused during the turns of others, so that its
/// background work falls into its own turns.
struct Loaded<'s> {
    env: &'s BenchEnv,
    server: Server,
    workload: &'static [&'static str],
    daemon: Daemon,
    url: String,
    data: TempDir,
    /// Number of requests that were answered correctly.
    answered: u64,
}

/// Starts a server that is put under load in turns.
pub fn begin<'s>(
    env: &'s BenchEnv,
    server: Server,
    workload: &'static [&'static str],
) -> Result<Box<dyn Target + 's>, Failure> {
    let data = tempfile::tempdir_in(env.scratch.path())?;
    let baseline = |name: &str| {
        let mut serve = Command::new(env.programs.join("earmark-benches"));
        serve.args(["serve", name, "--data"]).arg(data.path());
        serve
    };
    let serve = match server {
        Server::Constant => baseline("constant"),
        Server::BareFile => baseline("bare-file"),
        Server::BareLog => baseline("bare-log"),
        Server::Earmark => serve(env, data.path()),
    };
    let (daemon, url) = Daemon::start_announced(serve, "listening on ")?;
    daemon.pause()?;
    Ok(Box::new(Loaded { env, server, workload, daemon, url, data, answered: 0 }))
}

impl Target for Loaded<'_> {
    fn turn(&mut self) -> Result<Measured, Failure> {
        let mut bench = bench(self.env, self.workload, self.env.turn());
        bench.args(["--url", &self.url, "--server-pid", &self.daemon.id().to_string()]);
        if self.server != Server::Earmark {
            bench.arg("--constant-answers");
        }
        self.daemon.resume()?;
        let report = json(&mut bench)?;
        self.daemon.pause()?;
        self.answered += report["requests"].as_u64().unwrap_or_default();
        Ok(of_bench(&report))
    }

    fn end(self: Box<Self>) -> Result<(), Failure> {
        let Self { env, server, daemon, data, answered, .. } = *self;
        daemon.resume()?;
        daemon.stop()?;
        match server {
            Server::Constant | Server::BareFile => Ok(()),
            Server::BareLog => match bare_log::events(data.path())? {
                events if events >= answered && answered > 0 => Ok(()),
                events => Err(Failure::new(format!("{events} events for {answered} answers"))),
            },
            Server::Earmark => {
                output(earmark(env).args(["verify", "--data"]).arg(data.path())).map(drop)
            }
        }
    }
}

/// Runs `earmark-benches in-process`.
pub fn in_process(env: &BenchEnv, work: &str) -> Result<Measured, Failure> {
    let mut command = Command::new(env.programs.join("earmark-benches"));
    let lines = if env.is_quick { LINES_QUICK } else { LINES };
    command.args(["in-process", work, "--lines", lines, "--scratch"]).arg(env.scratch.path());
    let report = json(&mut command)?;
    Ok(Measured {
        per_second: number(&report["lines_per_second"]),
        cpu_us_by_part: figures(&report["cpu_us_by_part"]),
        ..Measured::default()
    })
}

/// Runs `earmark replay` on the orders.
pub fn replay(env: &BenchEnv) -> Result<Measured, Failure> {
    let orders = env.orders.as_ref().ok_or_else(|| Failure::new("--orders is missing"))?;
    let data = tempfile::tempdir_in(env.scratch.path())?;
    let mut command = earmark(env);
    command.args(["replay", "--json", "--data"]).arg(data.path().join("data")).arg(orders);
    let report = json(&mut command)?;
    Ok(Measured { per_second: number(&report["lines_per_second"]), ..Measured::default() })
}

fn of_bench(report: &Value) -> Measured {
    let latency = &report["latency_ms"];
    Measured {
        per_second: number(&report["lines_per_second"]),
        p50_ms: latency["p50"].as_f64(),
        p99_ms: latency["p99"].as_f64(),
        cpu_us: report["server_cpu_us_per_request"].as_f64(),
        cpu_us_by_part: figures(&report["server_cpu_us_by_thread"]),
        rss_mib: report["server_rss_peak_mib"].as_f64(),
        lag_events: report["view_lag_max_events"].as_f64(),
        held_over_5_ms: report["held_up_by_views"]["over_5_ms"].as_f64(),
    }
}

fn json(command: &mut Command) -> Result<Value, Failure> {
    serde_json::from_str(&output(command)?).map_err(Failure::new)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

/// Figures by name; empty if there are none.
pub fn figures(value: &Value) -> BTreeMap<String, f64> {
    let named = value.as_object().into_iter().flatten();
    named.filter_map(|(name, it)| Some((name.clone(), it.as_f64()?))).collect()
}
