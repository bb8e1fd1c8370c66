//! A server's process: started, awaited, killed or told to stop, and never left behind.

use std::ffi::OsStr;
use std::io::{Error, Result};
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::clock::until;

/// A server that is not ready by then never will be.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// A process that ends with this.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a server, and asks until it is ready.
    ///
    /// # Errors
    /// When it cannot be started, ended by itself, or was not ready in time.
    pub fn start(command: &mut Command, mut is_ready: impl FnMut() -> bool) -> Result<Self> {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut process = Self { child: quiet.spawn()? };
        let mut ended = None;
        let is_up = until(READY_TIMEOUT, || {
            ended = process.child.try_wait().ok().flatten();
            ended.is_some() || is_ready()
        });
        match ended {
            Some(status) => Err(Error::other(format!("{} ended: {status}", shown(command)))),
            None if is_up => Ok(process),
            None => Err(Error::other(format!("{} is not ready", shown(command)))),
        }
    }

    /// Ends it at once.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends it a signal; its end is not waited for.
    ///
    /// # Errors
    /// When it is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// Sends it a signal, if it is there, and waits for its end.
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

    /// Tells it to stop, and waits until it has.
    ///
    /// # Errors
    /// When it is gone.
    pub fn stop(mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.child.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody has at the moment.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Runs a program to its end and hands back what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let ended = command.stdin(Stdio::null()).output();
    let cannot = |error| Error::other(format!("cannot start {}: {error}", shown(command)));
    let ended = ended.map_err(cannot)?;
    let out = String::from_utf8_lossy(&ended.stdout).into_owned();
    if ended.status.success() {
        return Ok(out);
    }
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    Err(Error::other(format!("{} ended with {}\n{out}\n{told}", shown(command), ended.status)))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
