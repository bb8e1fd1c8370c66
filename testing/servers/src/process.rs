//! The process of a server: started, awaited, stopped or killed, and never left running.

use std::ffi::OsStr;
use std::io::{Error, Result};
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::clock::until;

/// Longest time until a server is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// A process, killed on drop.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a server and polls until it is ready.
    ///
    /// # Errors
    /// When it cannot be started, exits, or is not ready in time.
    pub fn start(command: &mut Command, mut is_ready: impl FnMut() -> bool) -> Result<Self> {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut process = Self { child: quiet.spawn()? };
        let mut ended = None;
        let is_up = until(READY_TIMEOUT, || {
            ended = process.child.try_wait().ok().flatten();
            ended.is_some() || is_ready()
        });
        match ended {
            Some(status) => Err(Error::other(format!("{} exited: {status}", shown(command)))),
            None if is_up => Ok(process),
            None => Err(Error::other(format!("{} is not ready", shown(command)))),
        }
    }

    /// Kills it.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends a signal without waiting for the exit.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// Sends a signal, if the process is running, and waits for the exit.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn end_with(&mut self, signal: Signal) -> Result<()> {
        if self.child.try_wait()?.is_none() {
            self.signal(signal)?;
        }
        self.child.wait()?;
        Ok(())
    }

    /// Sends SIGTERM and waits for the exit.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn stop(mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.child.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that is free at the moment.
///
/// # Errors
/// When there is no free port.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Runs a program to completion and returns its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let ended = command.stdin(Stdio::null()).output();
    let cannot = |error| Error::other(format!("cannot start {}: {error}", shown(command)));
    let ended = ended.map_err(cannot)?;
    let out = String::from_utf8_lossy(&ended.stdout).into_owned();
    if ended.status.success() {
        return Ok(out);
    }
    let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
    Err(Error::other(format!("{} exited with {}\n{out}\n{errors}", shown(command), ended.status)))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
