//! Certificate authorities and certificates for tests, made by the `openssl` program.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::failure::Failure;
use crate::process::output;

/// Arguments for a new key without a password.
const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/// A certificate authority, trusted only by clients that are given its certificate.
#[derive(Debug)]
pub struct Authority {
    folder: TempDir,
}

/// The certificate of a server and its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate, in PEM.
    pub file: PathBuf,
    /// The private key, in PEM.
    pub key: PathBuf,
}

impl Authority {
    /// Creates an authority.
    ///
    /// # Errors
    /// When a file cannot be written or `openssl` fails or is not installed.
    pub fn new() -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("earmark-authority-").tempdir()?;
        let authority = Self { folder };
        let mut make = authority.openssl();
        // Two authorities must have different names: clients look an issuer up by its name.
        let name = authority.folder.path().file_name().unwrap_or_default().to_string_lossy();
        make.args(["req", "-x509", "-subj", &format!("/CN={name}")]);
        output(make.args(KEY).args(["-days", "2", "-keyout", "ca.key", "-out", "ca.pem"]))?;
        Ok(authority)
    }

    /// The certificate of the authority, for clients that trust it.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.at("ca.pem")
    }

    /// Issues a certificate for names such as `DNS:localhost,IP:127.0.0.1`.
    ///
    /// # Errors
    /// When a file cannot be written or `openssl` fails.
    pub fn certify(&self, names: &str) -> Result<Certificate, Failure> {
        let extensions = format!("subjectAltName={names}\nbasicConstraints=CA:FALSE\n");
        fs::write(self.at("names"), extensions)?;
        self.sign(&["-extfile", "names"])
    }

    /// Issues an X.509 version 1 certificate, which names no host: the default of `openssl x509`,
    /// and in use on many servers.
    ///
    /// # Errors
    /// When `openssl` fails.
    pub fn certify_v1(&self) -> Result<Certificate, Failure> {
        self.sign(&[])
    }

    fn sign(&self, more: &[&str]) -> Result<Certificate, Failure> {
        let mut request = self.openssl();
        request.args(["req", "-new", "-subj", "/CN=a server"]).args(KEY);
        output(request.args(["-keyout", "server.key", "-out", "server.csr"]))?;
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
