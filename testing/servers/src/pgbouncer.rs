//! A PgBouncer in transaction mode in front of a PostgreSQL.

use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::failure::Failure;
use crate::postgres::{Postgres, owned_file, owned_folder};
use crate::process::{Process, free_port};

/// Where Debian installs it; that folder is not on every user's path.
const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// A running PgBouncer, killed on drop.
#[derive(Debug)]
pub struct PgBouncer {
    process: Process,
    port: u16,
    _folder: TempDir,
}

impl PgBouncer {
    /// Starts a PgBouncer that shares this number of server connections among all clients.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub fn start(postgres: &Postgres, connections: u32) -> Result<Self, Failure> {
        let (folder, user) = owned_folder("earmark-pgbouncer-")?;
        let port = free_port()?;
        let users = folder.path().join("users");
        owned_file(&users, "\"postgres\" \"\"\n", user)?;
        let settings = folder.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {}\n\
             pool_mode = transaction\ndefault_pool_size = {connections}\nlogfile = {}\n",
            postgres.port(),
            users.display(),
            folder.path().join("log").display()
        );
        owned_file(&settings, &text, user)?;
        let mut command = Command::new(program());
        if let Some((user, group)) = user {
            command.uid(user).gid(group);
        }
        command.arg("--quiet").arg(&settings).current_dir(folder.path()).stderr(Stdio::null());
        let is_ready = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        let process = Process::start(&mut command, is_ready)?;
        Ok(Self { process, port, _folder: folder })
    }

    /// URL of a database through it.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.end_with(Signal::KILL);
    }
}

fn program() -> &'static str {
    if Path::new(PROGRAM).is_file() { PROGRAM } else { "pgbouncer" }
}
