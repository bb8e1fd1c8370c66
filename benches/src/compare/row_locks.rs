//! The baseline `row-locks`: PostgreSQL transactions as a shop would write them, run by pgbench.

use std::fs;

use earmark_servers::postgres::Postgres;
use tempfile::TempDir;

use super::daemon::output_and_errors;
use super::environment::{BenchEnv, LoadDuration};
use super::measured::Measured;
use super::statistics::mean;
use super::turns::Target;
use crate::failure::Failure;

const SCHEMA: &str = include_str!("../../row-locks/schema.sql");
const ALLOCATE: &str = include_str!("../../row-locks/allocate.sql");
const SCRIPT: &str = "allocate.sql";
const COUNTS: &str = "SELECT (SELECT count(*) FROM lines), (SELECT count(*) FROM outbox), \
                    (SELECT sum(allocated) FROM batches)";
/// Settings of PostgreSQL in all points that use it.
pub const SETTINGS: [&str; 1] = ["shared_buffers=256MB"];

/// A running database and its workload.
struct RowLocks<'s> {
    env: &'s BenchEnv,
    postgres: Postgres,
    skus: u32,
    clients: u32,
    folder: TempDir,
    /// Number of transactions so far.
    done: u64,
}

/// Starts a database for transactions on `skus` SKUs from `clients` clients.
pub fn begin(env: &BenchEnv, skus: u32, clients: u32) -> Result<Box<dyn Target + '_>, Failure> {
    let postgres = Postgres::start(&SETTINGS).map_err(Failure::new)?;
    postgres.sql("postgres", SCHEMA).map_err(Failure::new)?;
    let folder = tempfile::tempdir_in(env.scratch.path())?;
    fs::write(folder.path().join(SCRIPT), ALLOCATE)?;
    Ok(Box::new(RowLocks { env, postgres, skus, clients, folder, done: 0 }))
}

impl Target for RowLocks<'_> {
    fn turn(&mut self) -> Result<Measured, Failure> {
        let Self { skus, clients, .. } = self;
        let LoadDuration { seconds, warmup } = self.env.turn();
        // Each session plans its statements first; on the hot SKU, others wait for that.
        let warmup = warmup.ceil().max(1.0);
        let mut pgbench = self.postgres.client("pgbench");
        pgbench.args(["--no-vacuum", "--protocol=prepared", "--jobs=2", "--progress=1"]);
        pgbench.arg(format!("--client={clients}"));
        pgbench.arg(format!("--time={}", warmup + seconds.ceil()));
        pgbench.arg(format!("--define=skus={skus}"));
        pgbench.arg("--file").arg(self.folder.path().join(SCRIPT)).arg("postgres");
        let (printed, progress) = output_and_errors(&mut pgbench)?;
        let measured = read(&printed, &progress, warmup);
        let (measured, done) = measured.ok_or_else(|| {
            Failure::new(format!("unexpected output of pgbench: {printed}\n{progress}"))
        })?;
        self.done += done;
        Ok(measured)
    }

    fn end(self: Box<Self>) -> Result<(), Failure> {
        let counts = self.postgres.sql("postgres", COUNTS).map_err(Failure::new)?;
        let expected = vec![self.done.to_string(); 3].join("|");
        if counts.trim() == expected {
            return Ok(());
        }
        Err(Failure::new(format!("{counts} lines, events and units are stored, not {expected}")))
    }
}

/// Transactions per second in the seconds after `warmup`, and the total number of transactions.
fn read(printed: &str, progress: &str, warmup: f64) -> Option<(Measured, u64)> {
    let after = |start: &str| {
        let rest = printed.lines().find_map(|line| line.strip_prefix(start))?;
        rest.split_whitespace().next()?.parse::<u64>().ok()
    };
    let seconds = progress.lines().filter_map(|line| {
        let (at, rest) = line.strip_prefix("progress: ")?.split_once(" s, ")?;
        let rate = rest.split_once(" tps")?.0.parse::<f64>().ok()?;
        (at.parse::<f64>().ok()? > warmup + 0.5).then_some(rate)
    });
    let seconds: Vec<f64> = seconds.collect();
    let has_failed = after("number of failed transactions: ").is_some_and(|count| count > 0);
    let done = after("number of transactions actually processed: ")?;
    let measured = Measured { per_second: mean(&seconds), ..Measured::default() };
    (!has_failed && !seconds.is_empty()).then_some((measured, done))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn the_output_of_pgbench_is_parsed() {
        let printed = "number of transactions actually processed: 1835\n\
                    number of failed transactions: 0 (0.000%)\nlatency average = 6.400 ms\n\
                    tps = 1250.500000 (without initial connection time)\n";
        let progress = "progress: 1.0 s, 440.9 tps, lat 108.666 ms stddev 101.506, 0 failed\n\
                        progress: 2.0 s, 638.0 tps, lat 102.986 ms stddev 106.495, 0 failed\n\
                        progress: 3.0 s, 692.0 tps, lat 92.765 ms stddev 91.312, 0 failed\n";
        let (measured, done) = read(printed, progress, 1.0).unwrap();
        assert_eq!((measured.per_second, done), (665.0, 1835));
        assert_eq!(read(printed, progress, 2.0).unwrap().0.per_second, 692.0);
        assert!(read(printed, progress, 3.0).is_none());
        assert!(read(&printed.replace(": 0 (", ": 7 ("), progress, 1.0).is_none());
        assert!(read("", progress, 1.0).is_none());
    }
}
