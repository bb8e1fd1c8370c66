//! `cargo xtask schemathesis`: sends a server valid and invalid requests, made from its OpenAPI
//! document, then verifies the log.

use crate::build::release;
use crate::error::{CliError, no_arguments};
use crate::{install, workspace};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Finds nothing in the current code; a newer version may check more.
const VERSION: &str = "4.32.5";
/// Lists answers to valid requests that the document does not describe.
const SETTINGS: &str = "crates/gateway/schemathesis.toml";
/// Random requests per operation. A limit in time would let a busy machine pass with few requests.
const EXAMPLES: &str = "60";
/// Timeout of one request.
const ANSWER_S: &str = "10";
/// The same requests in every run.
const SEED: &str = "1";

pub fn run(arguments: &[String]) -> Result<(), CliError> {
    no_arguments(arguments)?;
    release::build()?;
    once()
}

/// Tests the release binary that is already built.
pub fn once() -> Result<(), CliError> {
    let target = workspace::target_dir();
    let tool = install::python_tool("schemathesis", VERSION)?;
    against(&target.join("release/earmark"), &tool, &target.join("schemathesis-data"))
}

fn against(earmark: &Path, tool: &Path, data: &Path) -> Result<(), CliError> {
    if data.exists() {
        std::fs::remove_dir_all(data)
            .map_err(|error| CliError::new(format!("cannot empty {}: {error}", data.display())))?;
    }
    let mut server = Server::start(earmark, data)?;
    let mut requests = Command::new(tool);
    // It writes files into the current folder.
    requests
        .current_dir(workspace::target_dir())
        .arg("--config-file")
        .arg(workspace::root().join(SETTINGS))
        .args(["run", &format!("{}/openapi.json", server.url)])
        .args(["--checks", "all", "--max-examples", EXAMPLES])
        .args(["--request-timeout", ANSWER_S, "--seed", SEED])
        .args(["--generation-database", "none", "--no-color"]);
    let outcome = workspace::run(&mut requests);
    let stopped = server.stop();
    outcome?;
    stopped?;
    workspace::run(Command::new(earmark).arg("verify").arg("--data").arg(data))
}

/// A process that is killed when this is dropped.
struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server on a port of its own.
struct Server {
    child: KillOnDrop,
    url: String,
    /// Kept open, so that the server can go on writing.
    _out: BufReader<ChildStdout>,
}

impl Server {
    fn start(earmark: &Path, data: &Path) -> Result<Self, CliError> {
        let mut serve = Command::new(earmark);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        serve.stdout(Stdio::piped());
        let child = serve.spawn().map_err(|error| workspace::cannot_start(&serve, &error))?;
        let mut server = KillOnDrop(child);
        let mut out = BufReader::new(server.0.stdout.take().expect("it is piped"));
        let mut line = String::new();
        while out.read_line(&mut line).is_ok_and(|read| read > 0) {
            if let Some(url) = line.trim().strip_prefix("listening on ") {
                let url = url.to_owned();
                return Ok(Self { child: server, url, _out: out });
            }
            line.clear();
        }
        Err(CliError::new("the server ended before it was ready"))
    }

    fn stop(&mut self) -> Result<(), CliError> {
        let id = self.child.0.id().to_string();
        workspace::run(Command::new("kill").args(["-TERM", &id]))?;
        match self.child.0.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(CliError::new(format!("the server failed: {status}"))),
            Err(error) => Err(CliError::new(format!("cannot wait for the server to end: {error}"))),
        }
    }
}
