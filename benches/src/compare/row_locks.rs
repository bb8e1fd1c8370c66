//! The baseline `row-locks`: PostgreSQL as a shop would use it, driven by its own pgbench.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Signal, geteuid};
use tempfile::TempDir;

use super::Stage;
use super::daemon::{Daemon, free_port, output};
use super::measured::Measured;
use crate::failure::Failure;

const SCHEMA: &str = include_str!("../../row-locks/schema.sql");
const ALLOCATE: &str = include_str!("../../row-locks/allocate.sql");
/// Where Debian has the programs of the server, a folder a version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Whom it runs as where we are root: it refuses root.
const USER: &str = "postgres";

/// Measures transactions on so many SKUs from so many clients.
pub fn measure(stage: &Stage, skus: u32, clients: u32) -> Result<Measured, Failure> {
    let postgres = Postgres::start(stage.scratch.path())?;
    let script = postgres.folder.path().join("allocate.sql");
    fs::write(&script, ALLOCATE)?;
    let mut pgbench = postgres.client("pgbench");
    pgbench.args(["--no-vacuum", "--protocol=prepared", "--jobs=2"]);
    pgbench.arg(format!("--client={clients}"));
    pgbench.arg(format!("--time={}", stage.seconds.ceil()));
    pgbench.arg(format!("--define=skus={skus}")).arg("--file").arg(&script).arg("postgres");
    let told = output(&mut pgbench)?;
    postgres.server.stop_with(Signal::INT)?;
    read(&told).ok_or_else(|| Failure::new(format!("pgbench is not understood: {told}")))
}

fn read(told: &str) -> Option<Measured> {
    let after = |start: &str| {
        let rest = told.lines().find_map(|line| line.strip_prefix(start))?;
        rest.split_whitespace().next()?.parse::<f64>().ok()
    };
    let has_failed = after("number of failed transactions: ").is_some_and(|count| count > 0.0);
    let measured = Measured { per_second: after("tps = ")?, ..Measured::default() };
    (!has_failed).then_some(measured)
}

/// A server on a new folder.
struct Postgres {
    server: Daemon,
    folder: TempDir,
    programs: PathBuf,
    port: String,
}

impl Postgres {
    fn start(scratch: &Path) -> Result<Self, Failure> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("row-locks-").tempdir_in(scratch)?;
        let user = user()?;
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group))?;
        }
        let as_user = |program: &str| {
            let mut command = Command::new(programs.join(program));
            if let Some((user, group)) = user {
                command.uid(user).gid(group);
            }
            command.current_dir(folder.path());
            command
        };
        let data = folder.path().join("data");
        let mut initdb = as_user("initdb");
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        output(initdb.args(["--no-sync", "--pgdata"]).arg(&data))?;
        let port = free_port()?;
        let mut server = as_user("postgres");
        server.arg("-D").arg(&data).args(["-p", &port, "-c", "listen_addresses=127.0.0.1"]);
        server.args(["-c", "unix_socket_directories=", "-c", "shared_buffers=256MB"]);
        server.args(["-c", "logging_collector=off", "-c", "log_min_messages=panic"]);
        let is_ready = || {
            let mut ask = Command::new(programs.join("pg_isready"));
            ask.args(["-q", "-h", "127.0.0.1", "-p", &port, "-U", "postgres"]);
            output(&mut ask).is_ok()
        };
        let server = Daemon::that_is(server, is_ready)?;
        let postgres = Self { server, folder, programs: programs.clone(), port: port.clone() };
        let mut psql = postgres.client("psql");
        psql.args(["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--dbname=postgres"]);
        output(psql.args(["--command", SCHEMA]))?;
        Ok(postgres)
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.args(["-h", "127.0.0.1", "-p", &self.port, "-U", "postgres"]);
        command
    }
}

/// The newest version that is there.
fn programs() -> Result<PathBuf, Failure> {
    let none = || Failure::new(format!("there is no PostgreSQL in {DEBIAN}"));
    let versions = fs::read_dir(DEBIAN).map_err(|_| none())?.flatten();
    let version = |folder: PathBuf| Some((folder.file_name()?.to_str()?.parse().ok()?, folder));
    let newest: Option<(u32, PathBuf)> = versions.filter_map(|it| version(it.path())).max();
    newest.map(|(_, folder)| folder.join("bin")).ok_or_else(none)
}

/// Whom to run it as: nobody else where we are not root.
fn user() -> Result<Option<(u32, u32)>, Failure> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let id = |flag: &str| -> Result<u32, Failure> {
        let told = output(Command::new("id").args([flag, USER]))?;
        told.trim().parse().map_err(Failure::new)
    };
    Ok(Some((id("-u")?, id("-g")?)))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn what_pgbench_tells_is_read() {
        let told = "number of failed transactions: 0 (0.000%)\nlatency average = 6.400 ms\n\
                    tps = 1250.500000 (without initial connection time)\n";
        assert!((read(told).unwrap().per_second - 1250.5).abs() < 0.001);
        assert!(read(&told.replace(": 0 (", ": 7 (")).is_none());
        assert!(read("").is_none());
    }
}
