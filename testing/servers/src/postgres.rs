//! A PostgreSQL server of one's own: the newest of Debian's that is there, on a new folder.

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

/// Where Debian has the programs of the server, a folder a version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Whom it runs as where we are root: it refuses root.
const USER: &str = "postgres";

/// A standby gets there sooner, or never.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// How a server is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Its sessions are ended in order.
    Fast,
    /// At once, as in a crash: the next start recovers.
    Immediate,
}

/// A server that ends with this.
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
    /// Starts one; `settings` are such as `max_connections=200`.
    ///
    /// # Errors
    /// When there is no PostgreSQL here or it does not start.
    pub fn start(settings: &[&str]) -> Result<Self, Failure> {
        let mut postgres = Self::prepare(settings)?;
        postgres.start_again()?;
        Ok(postgres)
    }

    /// Starts one that lets nobody in without encryption, and shows this certificate.
    ///
    /// # Errors
    /// When there is no PostgreSQL here or it does not start.
    pub fn start_encrypted(certificate: &Certificate) -> Result<Self, Failure> {
        let mut postgres = Self::prepare(&["ssl=on"])?;
        for (from, name) in [(&certificate.file, "server.crt"), (&certificate.key, "server.key")] {
            let (file, text) = (postgres.data().join(name), fs::read_to_string(from)?);
            owned_file(&file, &text, postgres.user)?;
            // It takes no key that others may read.
            fs::set_permissions(&file, Permissions::from_mode(0o600))?;
        }
        let who = "hostssl all all 127.0.0.1/32 trust\n";
        owned_file(&postgres.data().join("pg_hba.conf"), who, postgres.user)?;
        postgres.start_again()?;
        Ok(postgres)
    }

    /// Starts another that follows this one, asynchronously, and takes no writes until it is
    /// [promoted](Postgres::promote).
    ///
    /// # Errors
    /// When this one cannot be copied or the copy does not start.
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

    /// Has a standby get everything that its primary has, and nothing from then on.
    ///
    /// # Errors
    /// When one of them cannot be asked, or the standby does not get there.
    pub fn detach(&self, primary: &Self) -> Result<(), Failure> {
        let end = primary.sql("postgres", "SELECT pg_current_wal_lsn()")?;
        let is_there = format!("SELECT pg_last_wal_replay_lsn() >= '{}'", end.trim());
        self.says("t", &is_there)?;
        self.sql("postgres", "ALTER SYSTEM SET primary_conninfo = ''")?;
        self.sql("postgres", "SELECT pg_reload_conf()")?;
        self.says("0", "SELECT count(*) FROM pg_stat_wal_receiver")
    }

    /// Makes a standby a primary.
    ///
    /// # Errors
    /// When it is none or does not become one.
    pub fn promote(&self) -> Result<(), Failure> {
        self.sql("postgres", "SELECT pg_promote()")?;
        self.says("f", "SELECT pg_is_in_recovery()")
    }

    /// Waits until a question is answered so.
    fn says(&self, wanted: &str, sql: &str) -> Result<(), Failure> {
        let is_so = || self.sql("postgres", sql).is_ok_and(|said| said.trim() == wanted);
        if until(WAIT_MAX, is_so) {
            return Ok(());
        }
        Err(Failure::new(format!("{sql} is never {wanted}")))
    }

    /// Starts it again after [`Postgres::stop`], on the same port.
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

    /// Ends it.
    ///
    /// # Errors
    /// When it cannot be told.
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

    /// How a database of it is reached.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes a database and says how it is reached.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn database(&self, name: &str) -> Result<String, Failure> {
        output(self.client("createdb").arg(name))?;
        Ok(self.url(name))
    }

    /// Runs SQL in a database; says what psql prints, unaligned.
    ///
    /// # Errors
    /// When it fails.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String, Failure> {
        let mut psql = self.client("psql");
        psql.args(["--quiet", "--no-psqlrc", "--tuples-only", "--no-align", "--dbname", database]);
        Ok(output(psql.args(["--set=ON_ERROR_STOP=1", "--command", sql]))?)
    }

    /// One of the programs that come with it, told how to reach it.
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
        let empty = postgres.empty()?;
        output(postgres.as_other("cp").arg("-a").arg(empty).arg(postgres.data()))?;
        Ok(postgres)
    }

    /// The folder of a server that was never started. It takes seconds to make and is always the
    /// same, so one is kept for the next time.
    fn empty(&self) -> Result<PathBuf, Failure> {
        let version = self.programs.parent().and_then(Path::file_name).unwrap_or_default();
        let owner = self.user.map_or(geteuid().as_raw(), |(user, _)| user);
        let name = format!("earmark-initdb-{}-{owner}", version.to_string_lossy());
        let kept = std::env::temp_dir().join(name);
        if kept.is_dir() {
            return Ok(kept);
        }
        let made = self.folder.path().join("empty");
        let mut initdb = self.as_user("initdb");
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        output(initdb.args(["--no-sync", "--pgdata"]).arg(&made))?;
        // Whoever is first keeps his; the others have theirs.
        if fs::rename(&made, &kept).is_ok() { Ok(kept) } else { Ok(made) }
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
        // Its folder goes too: it need not end in order.
        let _ = self.stop(Stop::Immediate);
    }
}

/// The newest version that is there.
fn programs() -> Result<PathBuf, Failure> {
    let none = || Failure::new(format!("there is no PostgreSQL in {DEBIAN}"));
    let versions = fs::read_dir(DEBIAN).map_err(|_| none())?.flatten();
    let version = |folder: PathBuf| Some((folder.file_name()?.to_str()?.parse().ok()?, folder));
    let newest: Option<(u32, PathBuf)> = versions.filter_map(|it| version(it.path())).max();
    newest.map(|(_, folder)| folder.join("bin")).filter(|it| it.is_dir()).ok_or_else(none)
}

/// Whom to run it as: nobody else where we are not root.
pub(crate) fn user() -> Result<Option<(u32, u32)>, Failure> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let id = |flag: &str| -> Result<u32, Failure> {
        let told = output(Command::new("id").args([flag, USER]))?;
        told.trim().parse().map_err(Failure::new)
    };
    Ok(Some((id("-u")?, id("-g")?)))
}

/// Makes a folder that the user of [`user`] owns.
pub(crate) fn owned_folder(prefix: &str) -> Result<(TempDir, Option<(u32, u32)>), Failure> {
    let folder = tempfile::Builder::new().prefix(prefix).tempdir()?;
    let user = user()?;
    if let Some((user, group)) = user {
        chown(folder.path(), Some(user), Some(group))?;
    }
    Ok((folder, user))
}

/// Writes a file that the user of [`user`] owns.
pub(crate) fn owned_file(path: &Path, text: &str, user: Option<(u32, u32)>) -> Result<(), Failure> {
    fs::write(path, text)?;
    if let Some((user, group)) = user {
        chown(path, Some(user), Some(group))?;
    }
    Ok(())
}
