//! The program as a process: start, kill, shut down, and run to completion.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::clock::Moment;
use crate::setup::Setup;
use crate::violation::Checked;

/// Longest time until the program is ready, on a busy machine.
const READY_TIMEOUT: Duration = Duration::from_secs(120);

/// A started server.
pub(crate) struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
    started: Moment,
}

/// The program without the environment variables of this process that would configure it.
pub(crate) fn program(setup: &Setup, arguments: &[&str]) -> Command {
    let mut command = Command::new(&setup.program);
    let variables = std::env::vars_os().map(|(name, _)| name);
    let settings = variables.filter(|name| {
        name.to_str().is_some_and(|it| it.starts_with("EARMARK_") && it != "EARMARK_FAILPOINT")
    });
    for name in settings {
        command.env_remove(name);
    }
    if let Some(store) = &setup.store {
        command.env("EARMARK_STORES_URL", store);
    }
    if let Some(redis) = &setup.redis {
        command.env("EARMARK_REDIS_URL", redis);
    }
    command.env_remove("RUST_LOG").env("NO_COLOR", "1").args(arguments);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

impl Server {
    pub(crate) fn start(setup: &Setup, folder: &Path) -> Checked<Self> {
        Self::start_with(setup, folder, &[])
    }

    /// Starts it with further arguments.
    pub(crate) fn start_with(setup: &Setup, folder: &Path, more: &[&str]) -> Checked<Self> {
        let folder = folder.to_string_lossy();
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--data", &folder, "--log", "error"];
        let arguments = [&arguments, more].concat();
        let mut child = program(setup, &arguments).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or_else(|| "no stdout".to_owned())?;
        Ok(Self { child, out: BufReader::new(out), started: Moment::now() })
    }

    /// Waits until the server prints its address; returns the address and the time it took.
    pub(crate) async fn ready(&mut self) -> Checked<(SocketAddr, Duration)> {
        let mut line = String::new();
        let read = timeout(READY_TIMEOUT, self.out.read_line(&mut line)).await;
        let address = line.trim().strip_prefix("listening on http://");
        match (read, address.and_then(|it| it.parse().ok())) {
            (Ok(Ok(_)), Some(address)) => Ok((address, self.started.passed())),
            _ => Err(format!("the server did not start: it printed {line:?}").into()),
        }
    }

    /// Ends it with SIGKILL.
    pub(crate) async fn kill(&mut self) -> Checked<()> {
        Ok(self.child.kill().await?)
    }

    /// Sends SIGTERM.
    pub(crate) fn send_sigterm(&self) -> Checked<()> {
        let pid =
            self.id().and_then(Pid::from_raw).ok_or_else(|| "the server is gone".to_owned())?;
        kill_process(pid, Signal::TERM).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Waits until it exits with code 0, at most `within`.
    pub(crate) async fn ended(&mut self, within: Duration) -> Checked<()> {
        match timeout(within, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(status) => Err(format!("the server exited with {status:?}").into()),
            Err(_) => Err(format!("the server did not exit within {within:?}").into()),
        }
    }

    pub(crate) async fn stop(&mut self) -> Checked<()> {
        self.send_sigterm()?;
        self.ended(Duration::from_secs(60)).await
    }

    /// Resident memory, bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = self.id().map(|id| format!("/proc/{id}/status"));
        let status = status.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kilobytes.unwrap_or(0) * 1024
    }

    fn id(&self) -> Option<i32> {
        self.child.id().and_then(|id| id.try_into().ok())
    }
}
