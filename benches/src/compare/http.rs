//! Points that this project's own programs measure: over HTTP, and in a process.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::daemon::{Daemon, output};
use super::measured::Measured;
use super::side::Side;
use super::{Lasting, Stage};
use crate::bare_log;
use crate::failure::Failure;

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    Constant,
    BareFile,
    BareLog,
    Earmark,
}

/// Lines in a process: some seconds of work.
const LINES: &str = "1000000";
const LINES_QUICK: &str = "300000";

/// Puts load on a server that the load starts for itself.
pub fn load(stage: &Stage, workload: &[&str]) -> Result<Measured, Failure> {
    let mut bench = bench(stage, workload, stage.whole());
    bench.arg("--scratch").arg(stage.scratch.path());
    Ok(of_bench(&json(&mut bench)?))
}

/// A load of so long.
pub fn bench(stage: &Stage, workload: &[&str], lasting: Lasting) -> Command {
    let mut bench = earmark(stage);
    bench.args(["bench", "--json"]).args(workload);
    bench.args(["--seconds", &lasting.seconds.to_string()]);
    bench.args(["--warmup", &lasting.warmup.to_string()]);
    bench
}

/// Earmark, whatever the environment tells it.
fn earmark(stage: &Stage) -> Command {
    let mut earmark = Command::new(stage.programs.join("earmark"));
    let told = std::env::vars_os().map(|(name, _)| name);
    for name in told.filter(|name| name.to_string_lossy().starts_with("EARMARK_")) {
        earmark.env_remove(name);
    }
    earmark
}

/// Earmark on a folder, which tells of nothing but errors.
pub fn serve(stage: &Stage, data: &Path) -> Command {
    let mut serve = earmark(stage);
    serve.args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--data"]).arg(data);
    serve
}

/// A server that is up, and what it is asked. While others have their turn it is paused, so what
/// it does beside answering is its own turn's.
struct Loaded<'s> {
    stage: &'s Stage,
    server: Server,
    workload: &'static [&'static str],
    daemon: Daemon,
    url: String,
    data: TempDir,
    /// Requests that were answered as they should be, at least.
    answered: u64,
}

/// Starts a server, to be put under load in turn.
pub fn begin<'s>(
    stage: &'s Stage,
    server: Server,
    workload: &'static [&'static str],
) -> Result<Box<dyn Side + 's>, Failure> {
    let data = tempfile::tempdir_in(stage.scratch.path())?;
    let baseline = |name: &str| {
        let mut serve = Command::new(stage.programs.join("earmark-benches"));
        serve.args(["serve", name, "--data"]).arg(data.path());
        serve
    };
    let serve = match server {
        Server::Constant => baseline("constant"),
        Server::BareFile => baseline("bare-file"),
        Server::BareLog => baseline("bare-log"),
        Server::Earmark => serve(stage, data.path()),
    };
    let (daemon, url) = Daemon::that_says(serve, "listening on ")?;
    daemon.pause()?;
    Ok(Box::new(Loaded { stage, server, workload, daemon, url, data, answered: 0 }))
}

impl Side for Loaded<'_> {
    fn turn(&mut self) -> Result<Measured, Failure> {
        let mut bench = bench(self.stage, self.workload, self.stage.turn());
        bench.args(["--url", &self.url, "--server-pid", &self.daemon.id().to_string()]);
        if self.server != Server::Earmark {
            bench.arg("--constant-answers");
        }
        self.daemon.go_on()?;
        let told = json(&mut bench)?;
        self.daemon.pause()?;
        self.answered += told["requests"].as_u64().unwrap_or_default();
        Ok(of_bench(&told))
    }

    fn end(self: Box<Self>) -> Result<(), Failure> {
        let Self { stage, server, daemon, data, answered, .. } = *self;
        daemon.go_on()?;
        daemon.stop()?;
        match server {
            Server::Constant | Server::BareFile => Ok(()),
            Server::BareLog => match bare_log::events(data.path())? {
                events if events >= answered && answered > 0 => Ok(()),
                events => Err(Failure::new(format!("{events} events of {answered} answers"))),
            },
            Server::Earmark => {
                output(earmark(stage).args(["verify", "--data"]).arg(data.path())).map(drop)
            }
        }
    }
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
    let mut command = earmark(stage);
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
