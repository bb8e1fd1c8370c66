//! Other programs: run to their end, or started, awaited and stopped.

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

/// A server that is not ready by then never will be.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// It is asked again after so long.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A server that ends with this.
pub struct Daemon {
    child: Child,
    /// Kept open, so that it may go on speaking.
    _out: Option<BufReader<ChildStdout>>,
}

impl Daemon {
    /// Starts a server that says on a line when it is ready; what it says behind `start`.
    pub fn that_says(mut command: Command, start: &str) -> Result<(Self, String), Failure> {
        let mut child = begun(command.stdout(Stdio::piped()))?;
        let mut out = BufReader::new(child.stdout.take().expect("it was asked to be piped"));
        let mut line = String::new();
        let read = out.read_line(&mut line)?;
        let daemon = Self { child, _out: Some(out) };
        match line.trim().strip_prefix(start) {
            Some(said) if read > 0 => Ok((daemon, said.to_owned())),
            _ => Err(Failure::new(format!("{} is not ready: {line}", shown(&command)))),
        }
    }

    /// Starts a server, and asks until it is ready.
    pub fn that_is(mut command: Command, is_ready: impl Fn() -> bool) -> Result<Self, Failure> {
        let child = begun(command.stdout(Stdio::null()))?;
        let mut daemon = Self { child, _out: None };
        let begun = now();
        while !is_ready() {
            if let Some(status) = daemon.child.try_wait()? {
                return Err(Failure::new(format!("{} ended: {status}", shown(&command))));
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

    /// Takes the processors from it; what it has begun waits.
    pub fn pause(&self) -> Result<(), Failure> {
        self.signal(Signal::STOP)
    }

    /// Gives them back.
    pub fn go_on(&self) -> Result<(), Failure> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), Failure> {
        kill_process(Pid::from_child(&self.child), signal).map_err(Failure::new)
    }

    /// Tells it to stop, and waits until it has.
    pub fn stop(self) -> Result<(), Failure> {
        self.stop_with(Signal::TERM)
    }

    /// The same with another signal.
    pub fn stop_with(mut self, signal: Signal) -> Result<(), Failure> {
        self.signal(signal)?;
        match self.child.wait()? {
            status if status.success() => Ok(()),
            status => Err(Failure::new(format!("a server ended with {status}"))),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn begun(command: &mut Command) -> Result<Child, Failure> {
    let started = command.stdin(Stdio::null()).spawn();
    started.map_err(|error| Failure::new(format!("cannot start {}: {error}", shown(command))))
}

/// Runs a program to its end and hands back what it printed.
pub fn output(command: &mut Command) -> Result<String, Failure> {
    Ok(output_and_errors(command)?.0)
}

/// The same, and what it printed as errors.
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
    Err(Failure::new(format!("{} ended with {status}\n{out}\n{errors}", shown(command))))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// A port that nobody has at the moment.
pub fn free_port() -> Result<String, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string())
}

/// Lets servers that run as somebody else find their folders in this one.
pub fn open_to_others(folder: &Path) -> Result<(), Failure> {
    Ok(fs::set_permissions(folder, Permissions::from_mode(0o755))?)
}
