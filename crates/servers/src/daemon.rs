//! A server as a process: started, asked until it is ready, and ended by its own id.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::failure::Failure;
use crate::seam::{hold, now};

/// A server that is not ready by then never will be.
const READY: Duration = Duration::from_secs(60);
/// It is asked again after so long.
const AGAIN: Duration = Duration::from_millis(20);

/// A server that ends with this.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
}

impl Daemon {
    /// Starts a server, and asks until it is ready.
    pub fn that_is(mut command: Command, is_ready: impl Fn() -> bool) -> Result<Self, Failure> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn();
        let child = child
            .map_err(|error| Failure::new(format!("cannot start {}: {error}", shown(&command))))?;
        let mut daemon = Self { child };
        let begun = now();
        while !is_ready() {
            if let Some(status) = daemon.child.try_wait()? {
                return Err(Failure::new(format!("{} ended: {status}", shown(&command))));
            }
            if begun.elapsed() > READY {
                return Err(Failure::new(format!("{} is not ready", shown(&command))));
            }
            hold(AGAIN);
        }
        Ok(daemon)
    }

    /// Sends a signal and waits for the end.
    pub fn end_with(&mut self, signal: Signal) -> Result<(), Failure> {
        if self.child.try_wait()?.is_none() {
            kill_process(Pid::from_child(&self.child), signal).map_err(Failure::new)?;
        }
        self.child.wait()?;
        Ok(())
    }
}

/// Runs a program to its end and hands back what it printed.
pub fn output(command: &mut Command) -> Result<String, Failure> {
    let ended = command.stdin(Stdio::null()).output();
    let ended =
        ended.map_err(|error| Failure::new(format!("cannot start {}: {error}", shown(command))))?;
    let out = String::from_utf8_lossy(&ended.stdout).into_owned();
    if ended.status.success() {
        return Ok(out);
    }
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    Err(Failure::new(format!("{} ended with {}\n{out}\n{told}", shown(command), ended.status)))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// A port that nobody has at the moment.
///
/// # Errors
/// When the system gives none.
pub fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
