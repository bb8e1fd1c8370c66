//! `cargo xtask schemathesis`: a server of its own is asked what its OpenAPI document allows, and
//! what it does not; then the log is verified.

use crate::failure::{Failure, no_arguments};
use crate::{build, ensure, workspace};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Known to find nothing; a newer one may ask more.
const VERSION: &str = "4.32.5";
/// Where the gateway says what a valid request may also be answered with.
const SETTINGS: &str = "crates/gateway/schemathesis.toml";
/// So many requests are drawn at random for an operation. No time bounds a run: on a busy machine
/// it would ask next to nothing, and pass.
const EXAMPLES: &str = "60";
/// One answer takes no longer than this.
const ANSWER_S: &str = "10";
/// The same requests in every run.
const SEED: &str = "1";

pub fn run(arguments: &[String]) -> Result<(), Failure> {
    no_arguments(arguments)?;
    build::release()?;
    once()
}

/// Against the release binary that stands built.
pub fn once() -> Result<(), Failure> {
    let target = workspace::target_dir();
    let tool = ensure::python_tool("schemathesis", VERSION)?;
    against(&target.join("release/earmark"), &tool, &target.join("schemathesis-data"))
}

fn against(earmark: &Path, tool: &Path, data: &Path) -> Result<(), Failure> {
    if data.exists() {
        std::fs::remove_dir_all(data)
            .map_err(|error| Failure::new(format!("cannot empty {}: {error}", data.display())))?;
    }
    let mut server = Server::start(earmark, data)?;
    let mut ask = Command::new(tool);
    // It keeps notes where it runs, and they are no business of the tree.
    ask.current_dir(workspace::target_dir())
        .arg("--config-file")
        .arg(workspace::root().join(SETTINGS))
        .args(["run", &format!("{}/openapi.json", server.url)])
        .args(["--checks", "all", "--max-examples", EXAMPLES])
        .args(["--request-timeout", ANSWER_S, "--seed", SEED])
        .args(["--generation-database", "none", "--no-color"]);
    let asked = workspace::run(&mut ask);
    let stopped = server.stop();
    asked?;
    stopped?;
    workspace::run(Command::new(earmark).arg("verify").arg("--data").arg(data))
}

/// A process that does not outlive its name.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server on a port of its own.
struct Server {
    child: Ended,
    url: String,
    /// Kept open, so that the server may go on speaking.
    _out: BufReader<ChildStdout>,
}

impl Server {
    fn start(earmark: &Path, data: &Path) -> Result<Self, Failure> {
        let mut serve = Command::new(earmark);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        serve.stdout(Stdio::piped());
        let child = serve.spawn().map_err(|error| workspace::cannot_start(&serve, &error))?;
        let mut server = Ended(child);
        let mut out = BufReader::new(server.0.stdout.take().expect("it is piped"));
        let mut line = String::new();
        while out.read_line(&mut line).is_ok_and(|read| read > 0) {
            if let Some(url) = line.trim().strip_prefix("listening on ") {
                let url = url.to_owned();
                return Ok(Self { child: server, url, _out: out });
            }
            line.clear();
        }
        Err(Failure::new("the server ended before it was ready"))
    }

    fn stop(&mut self) -> Result<(), Failure> {
        let id = self.child.0.id().to_string();
        workspace::run(Command::new("kill").args(["-TERM", &id]))?;
        match self.child.0.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Failure::new(format!("the server ended badly: {status}"))),
            Err(error) => Err(Failure::new(format!("the server was not seen to end: {error}"))),
        }
    }
}
