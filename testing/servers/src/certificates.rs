//! Authorities of a test's own and the certificates they give, made by the `openssl` program.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::failure::Failure;
use crate::process::output;

/// Every key is new, and kept without a password.
const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/// An authority that nobody knows but whoever is given its file.
#[derive(Debug)]
pub struct Authority {
    folder: TempDir,
}

/// What a server shows to be known by; its key is in a file beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate, in PEM.
    pub file: PathBuf,
    /// The key to it, in PEM.
    pub key: PathBuf,
}

impl Authority {
    /// Makes one.
    ///
    /// # Errors
    /// When it cannot be made: is `openssl` there?
    pub fn new() -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("earmark-authority-").tempdir()?;
        let authority = Self { folder };
        let mut make = authority.openssl();
        // Two of one name would be taken for one that has lost its key.
        let name = authority.folder.path().file_name().unwrap_or_default().to_string_lossy();
        make.args(["req", "-x509", "-subj", &format!("/CN={name}")]);
        output(make.args(KEY).args(["-days", "2", "-keyout", "ca.key", "-out", "ca.pem"]))?;
        Ok(authority)
    }

    /// Its own certificate, which whoever trusts it is given.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.at("ca.pem")
    }

    /// A certificate for names such as `DNS:localhost,IP:127.0.0.1`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn certify(&self, names: &str) -> Result<Certificate, Failure> {
        let said = format!("subjectAltName={names}\nbasicConstraints=CA:FALSE\n");
        fs::write(self.at("names"), said)?;
        self.sign(&["-extfile", "names"])
    }

    /// A certificate of X.509's first version, which names no host: what `openssl x509` makes of a
    /// request unless it is told more, and many a server has.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn certify_plainly(&self) -> Result<Certificate, Failure> {
        self.sign(&[])
    }

    fn sign(&self, more: &[&str]) -> Result<Certificate, Failure> {
        let mut ask = self.openssl();
        ask.args(["req", "-new", "-subj", "/CN=a server"]).args(KEY);
        output(ask.args(["-keyout", "server.key", "-out", "server.csr"]))?;
        let mut sign = self.openssl();
        sign.args(["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key"]);
        output(sign.args(["-CAcreateserial", "-days", "2", "-out", "server.pem"]).args(more))?;
        Ok(Certificate { file: self.at("server.pem"), key: self.at("server.key") })
    }

    fn openssl(&self) -> Command {
        let mut command = Command::new("openssl");
        command.current_dir(self.folder.path());
        command
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
