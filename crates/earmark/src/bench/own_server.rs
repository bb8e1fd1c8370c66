//! A server for the benchmark: this program as another process, on its own folder.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::CliError;

/// A server that is stopped when this is dropped.
pub struct OwnServer {
    pub url: String,
    /// Time from the start of the process until it listened.
    pub start_time: Duration,
    child: Child,
    /// Kept open, so that the server can keep writing.
    out: BufReader<ChildStdout>,
}

impl OwnServer {
    /// Starts the server and waits until it listens.
    pub fn start(data: &Path) -> Result<Self, CliError> {
        let begin = now();
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        for name in ["EARMARK_CONFIG", "EARMARK_STORES_URL", "EARMARK_SERVER_API_KEY_FILE"] {
            command.env_remove(name);
        }
        let mut child = command.spawn()?;
        let out = child.stdout.take().expect("stdout is piped");
        let mut server = Self {
            url: String::new(),
            start_time: Duration::ZERO,
            child,
            out: BufReader::new(out),
        };
        while server.url.is_empty() {
            let mut line = String::new();
            if server.out.read_line(&mut line)? == 0 {
                return Err(CliError::new("the server ended before it listened"));
            }
            line.trim().strip_prefix("listening on ").unwrap_or("").clone_into(&mut server.url);
        }
        server.start_time = now() - begin;
        Ok(server)
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Stops the server and waits for its end.
    pub fn stop(mut self) -> Result<(), CliError> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).map_err(CliError::new)?;
        match self.child.wait()? {
            status if status.success() => Ok(()),
            status => Err(CliError::new(format!("the server ended with {status}"))),
        }
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}
