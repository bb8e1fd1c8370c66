//! A PostgreSQL server on a new folder: the newest version that is installed by Debian's packages.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Signal, geteuid};
use tempfile::TempDir;

use crate::certificates::Certificate;
use crate::clock::until;
use crate::failure::Failure;
use crate::process::{Process, free_port, output};

/// Where Debian installs the programs of the server, in one folder per version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The user to run it as if this process is root, because the server refuses to run as root.
const USER: &str = "postgres";

/// Longest wait for the state of a standby.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Sessions are closed and transactions rolled back.
    Fast,
    /// Immediately, as in a crash: the next start recovers.
    Immediate,
}

/// A PostgreSQL server, stopped on drop.
#[derive(Debug)]
pub struct Postgres {
    server: Option<Process>,
    folder: TempDir,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    port: u16,
    settings: Vec<String>,
}

impl Postgres {
    /// Starts a server with settings such as `max_connections=200`.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start.
    pub fn start(settings: &[&str]) -> Result<Self, Failure> {
        let mut postgres = Self::prepare(settings)?;
        postgres.start_again()?;
        Ok(postgres)
    }

    /// Starts a server that requires TLS and has this certificate.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start.
    pub fn start_encrypted(certificate: &Certificate) -> Result<Self, Failure> {
        let mut postgres = Self::prepare(&["ssl=on"])?;
        for (from, name) in [(&certificate.file, "server.crt"), (&certificate.key, "server.key")] {
            let (file, text) = (postgres.data().join(name), fs::read_to_string(from)?);
            owned_file(&file, &text, postgres.user)?;
            // PostgreSQL refuses a key that other users can read.
            fs::set_permissions(&file, Permissions::from_mode(0o600))?;
        }
        let rules = "hostssl all all 127.0.0.1/32 trust\n";
        owned_file(&postgres.data().join("pg_hba.conf"), rules, postgres.user)?;
        postgres.start_again()?;
        Ok(postgres)
    }

    /// Starts an asynchronous standby of this server, which is read-only until it is
    /// [promoted](Postgres::promote).
    ///
    /// # Errors
    /// When this server cannot be copied or the standby does not start.
    pub fn start_standby(&self) -> Result<Self, Failure> {
        let (folder, user) = owned_folder("earmark-standby-")?;
        let (programs, port, settings) =
            (self.programs.clone(), free_port()?, self.settings.clone());
        let mut standby = Self { server: None, folder, programs, user, port, settings };
        let mut copy = standby.as_user("pg_basebackup");
        copy.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres"]);
        copy.args(["--checkpoint=fast", "--no-sync", "--write-recovery-conf", "--pgdata"]);
        output(copy.arg(standby.data()))?;
        standby.start_again()?;
        Ok(standby)
    }

    /// Waits until a standby has everything that its primary has, then stops the replication.
    ///
    /// # Errors
    /// When a server cannot be reached or the standby does not catch up.
    pub fn detach(&self, primary: &Self) -> Result<(), Failure> {
        let end = primary.sql("postgres", "SELECT pg_current_wal_lsn()")?;
        let has_caught_up = format!("SELECT pg_last_wal_replay_lsn() >= '{}'", end.trim());
        self.wait_for("t", &has_caught_up)?;
        self.sql("postgres", "ALTER SYSTEM SET primary_conninfo = ''")?;
        self.sql("postgres", "SELECT pg_reload_conf()")?;
        self.wait_for("0", "SELECT count(*) FROM pg_stat_wal_receiver")
    }

    /// Promotes a standby to a primary.
    ///
    /// # Errors
    /// When it is not a standby or is not promoted in time.
    pub fn promote(&self) -> Result<(), Failure> {
        self.sql("postgres", "SELECT pg_promote()")?;
        self.wait_for("f", "SELECT pg_is_in_recovery()")
    }

    /// Waits until a query has the expected result.
    fn wait_for(&self, expected: &str, sql: &str) -> Result<(), Failure> {
        let is_expected = || self.sql("postgres", sql).is_ok_and(|it| it.trim() == expected);
        if until(WAIT_MAX, is_expected) {
            return Ok(());
        }
        Err(Failure::new(format!("{sql} was not {expected} within {WAIT_MAX:?}")))
    }

    /// Restarts it after [`Postgres::stop`], on the same port.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_again(&mut self) -> Result<(), Failure> {
        let mut server = self.as_user("postgres");
        server.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "logging_collector=off",
            "log_min_messages=panic",
        ] {
            server.args(["-c", setting]);
        }
        for setting in &self.settings {
            server.args(["-c", setting]);
        }
        server.stderr(File::options().create(true).append(true).open(self.log())?);
        let is_ready = || output(self.client("pg_isready").arg("--quiet")).is_ok();
        self.server = Some(Process::start(&mut server, is_ready)?);
        Ok(())
    }

    /// Stops it.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn stop(&mut self, how: Stop) -> Result<(), Failure> {
        let signal = match how {
            Stop::Fast => Signal::INT,
            Stop::Immediate => Signal::QUIT,
        };
        self.server.take().map_or(Ok(()), |mut server| Ok(server.end_with(signal)?))
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// URL of one of its databases.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Creates a database and returns its URL.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn database(&self, name: &str) -> Result<String, Failure> {
        output(self.client("createdb").arg(name))?;
        Ok(self.url(name))
    }

    /// Runs SQL in a database; returns the unaligned output of psql.
    ///
    /// # Errors
    /// When it fails.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String, Failure> {
        let mut psql = self.client("psql");
        psql.args(["--quiet", "--no-psqlrc", "--tuples-only", "--no-align", "--dbname", database]);
        Ok(output(psql.args(["--set=ON_ERROR_STOP=1", "--command", sql]))?)
    }

    /// One of PostgreSQL's client programs with the arguments to reach this server.
    #[must_use]
    pub fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres"]);
        command
    }

    fn prepare(settings: &[&str]) -> Result<Self, Failure> {
        let (programs, user) = (programs()?, user()?);
        let folder = tempfile::Builder::new().prefix("earmark-postgres-").tempdir()?;
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group))?;
        }
        let settings = settings.iter().map(|it| (*it).to_owned()).collect();
        let port = free_port()?;
        let postgres = Self { server: None, folder, programs, user, port, settings };
        let template = postgres.template()?;
        output(postgres.as_other("cp").arg("-a").arg(template).arg(postgres.data()))?;
        Ok(postgres)
    }

    /// The data folder of a server that was never started. Creating it takes seconds, and it is
    /// always the same, so it is cached in the folder for temporary files.
    fn template(&self) -> Result<PathBuf, Failure> {
        let version = self.programs.parent().and_then(Path::file_name).unwrap_or_default();
        let owner = self.user.map_or(geteuid().as_raw(), |(user, _)| user);
        let name = format!("earmark-initdb-{}-{owner}", version.to_string_lossy());
        let cached = std::env::temp_dir().join(name);
        if cached.is_dir() {
            return Ok(cached);
        }
        let created = self.folder.path().join("template");
        let mut initdb = self.as_user("initdb");
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        output(initdb.args(["--no-sync", "--pgdata"]).arg(&created))?;
        // If another process was faster, this server uses its own copy.
        if fs::rename(&created, &cached).is_ok() { Ok(cached) } else { Ok(created) }
    }

    fn as_user(&self, program: &str) -> Command {
        self.as_other(self.programs.join(program))
    }

    fn as_other(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command.current_dir(self.folder.path());
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its folder is deleted as well, so an orderly shutdown is not needed.
        let _ = self.stop(Stop::Immediate);
    }
}

/// The programs of the newest installed version.
fn programs() -> Result<PathBuf, Failure> {
    let none = || Failure::new(format!("PostgreSQL is not installed in {DEBIAN}"));
    let versions = fs::read_dir(DEBIAN).map_err(|_| none())?.flatten();
    let version = |folder: PathBuf| Some((folder.file_name()?.to_str()?.parse().ok()?, folder));
    let newest: Option<(u32, PathBuf)> = versions.filter_map(|it| version(it.path())).max();
    newest.map(|(_, folder)| folder.join("bin")).filter(|it| it.is_dir()).ok_or_else(none)
}

/// User and group to run it as; `None` for the current user, if that is not root.
pub(crate) fn user() -> Result<Option<(u32, u32)>, Failure> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let id = |flag: &str| -> Result<u32, Failure> {
        let printed = output(Command::new("id").args([flag, USER]))?;
        printed.trim().parse().map_err(Failure::new)
    };
    Ok(Some((id("-u")?, id("-g")?)))
}

/// Creates a temporary folder that is owned by the user of [`user`].
pub(crate) fn owned_folder(prefix: &str) -> Result<(TempDir, Option<(u32, u32)>), Failure> {
    let folder = tempfile::Builder::new().prefix(prefix).tempdir()?;
    let user = user()?;
    if let Some((user, group)) = user {
        chown(folder.path(), Some(user), Some(group))?;
    }
    Ok((folder, user))
}

/// Writes a file that is owned by the user of [`user`].
pub(crate) fn owned_file(path: &Path, text: &str, user: Option<(u32, u32)>) -> Result<(), Failure> {
    fs::write(path, text)?;
    if let Some((user, group)) = user {
        chown(path, Some(user), Some(group))?;
    }
    Ok(())
}
