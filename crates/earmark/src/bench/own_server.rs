//! A server of the benchmark's own: this program, as a process beside, on a folder of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::moment::now;
use super::process::Process;
use crate::error::CliError;

/// A server that ends with this.
pub struct OwnServer {
    pub url: String,
    /// From its start until it listened.
    pub start_time: Duration,
    child: Child,
    /// Kept open, so that the server may go on speaking.
    out: BufReader<ChildStdout>,
}

impl OwnServer {
    /// Starts it, and waits until it listens.
    pub fn start(data: &Path) -> Result<Self, CliError> {
        let begun = now();
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        for name in ["EARMARK_CONFIG", "EARMARK_STORES_URL", "EARMARK_SERVER_API_KEY_FILE"] {
            command.env_remove(name);
        }
        let mut child = command.spawn()?;
        let out = child.stdout.take().expect("it was asked to be piped");
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
        server.start_time = now() - begun;
        Ok(server)
    }

    pub fn process(&self) -> Process {
        Process { id: self.child.id() }
    }

    /// Tells it to stop, and waits until it has.
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
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
