//! Other programs: run to completion, or started as servers, awaited and stopped.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::clock::{hold, now};
use crate::failure::Failure;

/// Longest time until a server is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// Time between two polls.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A server, killed on drop.
pub struct Daemon {
    child: Child,
    /// Kept open, so that the server can continue to print.
    _out: Option<BufReader<ChildStdout>>,
}

impl Daemon {
    /// Starts a server that prints a line when it is ready; returns the line after the prefix
    /// `start`.
    pub fn start_announced(mut command: Command, start: &str) -> Result<(Self, String), Failure> {
        let mut child = begun(command.stdout(Stdio::piped()))?;
        let mut out = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        let read = out.read_line(&mut line)?;
        let daemon = Self { child, _out: Some(out) };
        match line.trim().strip_prefix(start) {
            Some(rest) if read > 0 => Ok((daemon, rest.to_owned())),
            _ => Err(Failure::new(format!("{} is not ready: {line}", shown(&command)))),
        }
    }

    /// Starts a server and polls until it is ready.
    pub fn start_polled(
        mut command: Command,
        is_ready: impl Fn() -> bool,
    ) -> Result<Self, Failure> {
        let child = begun(command.stdout(Stdio::null()))?;
        let mut daemon = Self { child, _out: None };
        let begun = now();
        while !is_ready() {
            if let Some(status) = daemon.child.try_wait()? {
                return Err(Failure::new(format!("{} exited: {status}", shown(&command))));
            }
            if begun.elapsed() > READY_TIMEOUT {
                return Err(Failure::new(format!("{} is not ready", shown(&command))));
            }
            hold(POLL_INTERVAL);
        }
        Ok(daemon)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Stops its threads until [`Daemon::resume`].
    pub fn pause(&self) -> Result<(), Failure> {
        self.signal(Signal::STOP)
    }

    /// Continues its threads.
    pub fn resume(&self) -> Result<(), Failure> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), Failure> {
        kill_process(Pid::from_child(&self.child), signal).map_err(Failure::new)
    }

    /// Sends SIGTERM and waits for the exit.
    pub fn stop(self) -> Result<(), Failure> {
        self.stop_with(Signal::TERM)
    }

    /// Sends a signal and waits for the exit.
    pub fn stop_with(mut self, signal: Signal) -> Result<(), Failure> {
        self.signal(signal)?;
        match self.child.wait()? {
            status if status.success() => Ok(()),
            status => Err(Failure::new(format!("a server exited with {status}"))),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn begun(command: &mut Command) -> Result<Child, Failure> {
    let started = command.stdin(Stdio::null()).spawn();
    started.map_err(|error| Failure::new(format!("cannot start {}: {error}", shown(command))))
}

/// Runs a program to completion and returns its standard output.
pub fn output(command: &mut Command) -> Result<String, Failure> {
    Ok(output_and_errors(command)?.0)
}

/// Runs a program to completion and returns its standard output and standard error.
pub fn output_and_errors(command: &mut Command) -> Result<(String, String), Failure> {
    let ended = command.stdin(Stdio::null()).output();
    let ended =
        ended.map_err(|error| Failure::new(format!("cannot start {}: {error}", shown(command))))?;
    let [out, errors] =
        [ended.stdout, ended.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    if ended.status.success() {
        return Ok((out, errors));
    }
    let status = ended.status;
    Err(Failure::new(format!("{} exited with {status}\n{out}\n{errors}", shown(command))))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// A port that is free at the moment.
pub fn free_port() -> Result<String, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string())
}

/// Lets servers that run as another user access their folders in this one.
pub fn open_to_others(folder: &Path) -> Result<(), Failure> {
    Ok(fs::set_permissions(folder, Permissions::from_mode(0o755))?)
}
