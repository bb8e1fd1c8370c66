//! The real program as a process: started, killed, told to stop, and run to its end.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::clock::Moment;
use crate::violation::Checked;
use crate::world::Ground;

/// So long the program may take to be ready, on a machine that has other things to do.
const READY_TIMEOUT: Duration = Duration::from_secs(120);

/// A server that was started.
pub(crate) struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
    started: Moment,
}

/// The program with nothing of this process' environment that it could hear.
pub(crate) fn program(ground: &Ground, arguments: &[&str]) -> Command {
    let mut command = Command::new(&ground.program);
    let variables = std::env::vars_os().map(|(name, _)| name);
    let settings = variables.filter(|name| {
        name.to_str().is_some_and(|it| it.starts_with("EARMARK_") && it != "EARMARK_FAILPOINT")
    });
    for name in settings {
        command.env_remove(name);
    }
    if let Some(store) = &ground.store {
        command.env("EARMARK_STORES_URL", store);
    }
    if let Some(redis) = &ground.redis {
        command.env("EARMARK_REDIS_URL", redis);
    }
    command.env_remove("RUST_LOG").env("NO_COLOR", "1").args(arguments);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

impl Server {
    pub(crate) fn start(ground: &Ground, folder: &Path) -> Checked<Self> {
        let folder = folder.to_string_lossy();
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--data", &folder, "--log", "error"];
        let mut child = program(ground, &arguments).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or_else(|| "no stdout".to_owned())?;
        Ok(Self { child, out: BufReader::new(out), started: Moment::now() })
    }

    /// Waits until it says where it listens; says how long it took.
    pub(crate) async fn ready(&mut self) -> Checked<(SocketAddr, Duration)> {
        let mut line = String::new();
        let read = timeout(READY_TIMEOUT, self.out.read_line(&mut line)).await;
        let address = line.trim().strip_prefix("listening on http://");
        match (read, address.and_then(|it| it.parse().ok())) {
            (Ok(Ok(_)), Some(address)) => Ok((address, self.started.passed())),
            _ => Err(format!("the server did not start: it said {line:?}").into()),
        }
    }

    /// Ends it with SIGKILL.
    pub(crate) async fn kill(&mut self) -> Checked<()> {
        Ok(self.child.kill().await?)
    }

    /// Sends SIGTERM.
    pub(crate) fn tell_to_stop(&self) -> Checked<()> {
        let pid = self.id().and_then(Pid::from_raw).ok_or_else(|| "it is gone".to_owned())?;
        kill_process(pid, Signal::TERM).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Waits for its end, which must be a good one, for so long.
    pub(crate) async fn ended(&mut self, within: Duration) -> Checked<()> {
        match timeout(within, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(status) => Err(format!("the server ended badly: {status:?}").into()),
            Err(_) => Err(format!("the server did not end within {within:?}").into()),
        }
    }

    pub(crate) async fn stop(&mut self) -> Checked<()> {
        self.tell_to_stop()?;
        self.ended(Duration::from_secs(60)).await
    }

    /// What it keeps in memory, in bytes.
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
