//! A mail server for tests, which stores the messages that it receives in a folder.

use std::fs;
use std::io::Result;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::process::{Process, free_port};

/// A server of the Python package aiosmtpd, which stores each message as a file of a maildir.
#[derive(Debug)]
pub struct Smtp {
    process: Option<Process>,
    port: u16,
    folder: TempDir,
}

impl Smtp {
    /// Reserves a folder and a port without starting the server.
    ///
    /// # Errors
    /// When there is no folder or no free port.
    pub fn prepare() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("smtp-").tempdir()?;
        Ok(Self { process: None, port: free_port()?, folder })
    }

    /// Starts it.
    ///
    /// # Errors
    /// When `python3-aiosmtpd` is not installed or does not start.
    pub fn start(&mut self) -> Result<()> {
        // The package is installed for Debian's own Python.
        let mut server = Command::new("/usr/bin/python3");
        server.args(["-m", "aiosmtpd", "-n", "-l"]).arg(format!("127.0.0.1:{}", self.port));
        server.args(["-c", "aiosmtpd.handlers.Mailbox"]).arg(self.maildir());
        let is_ready = || TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        self.process = Some(Process::start(&mut server, is_ready)?);
        Ok(())
    }

    /// Kills it.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), Process::kill)
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    fn maildir(&self) -> std::path::PathBuf {
        self.folder.path().join("maildir")
    }

    /// The messages received, in no order.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn received(&self) -> Result<Vec<String>> {
        let new = self.maildir().join("new");
        if !Path::new(&new).exists() {
            return Ok(Vec::new());
        }
        fs::read_dir(new)?.map(|it| fs::read_to_string(it?.path())).collect()
    }
}
