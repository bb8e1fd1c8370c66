//! A mail server of a test's own: it takes letters into a folder, and can be told to refuse them.

use std::fs;
use std::io::Result;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::process::{Process, free_port};

/// A server of the Python package aiosmtpd, which keeps each letter as a file of a maildir.
#[derive(Debug)]
pub struct Smtp {
    process: Option<Process>,
    port: u16,
    folder: TempDir,
}

impl Smtp {
    /// Makes room for one, which is not there yet.
    ///
    /// # Errors
    /// When there is no folder or no port.
    pub fn prepare() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("smtp-").tempdir()?;
        Ok(Self { process: None, port: free_port()?, folder })
    }

    /// Starts it.
    ///
    /// # Errors
    /// When it does not start: is `python3-aiosmtpd` there?
    pub fn start(&mut self) -> Result<()> {
        // Debian's own Python: the package is nobody else's.
        let mut server = Command::new("/usr/bin/python3");
        server.args(["-m", "aiosmtpd", "-n", "-l"]).arg(format!("127.0.0.1:{}", self.port));
        server.args(["-c", "aiosmtpd.handlers.Mailbox"]).arg(self.letters());
        let is_ready = || TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        self.process = Some(Process::start(&mut server, is_ready)?);
        Ok(())
    }

    /// Ends it at once.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), Process::kill)
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    fn letters(&self) -> std::path::PathBuf {
        self.folder.path().join("letters")
    }

    /// The letters that it has taken, in no order.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn taken(&self) -> Result<Vec<String>> {
        let new = self.letters().join("new");
        if !Path::new(&new).exists() {
            return Ok(Vec::new());
        }
        fs::read_dir(new)?.map(|it| fs::read_to_string(it?.path())).collect()
    }
}
