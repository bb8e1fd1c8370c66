//! The baseline `row-locks`: PostgreSQL as a shop would use it, driven by its own pgbench.

use std::fs;

use earmark_servers::postgres::Postgres;
use tempfile::TempDir;

use super::daemon::output_and_errors;
use super::measured::{Measured, mean};
use super::side::Side;
use super::{Lasting, Stage};
use crate::failure::Failure;

const SCHEMA: &str = include_str!("../../row-locks/schema.sql");
const ALLOCATE: &str = include_str!("../../row-locks/allocate.sql");
const SCRIPT: &str = "allocate.sql";
const KEPT: &str = "SELECT (SELECT count(*) FROM lines), (SELECT count(*) FROM outbox), \
                    (SELECT sum(allocated) FROM batches)";
/// What both that use PostgreSQL give it.
pub const SETTINGS: [&str; 1] = ["shared_buffers=256MB"];

/// A database that is up, and what it is asked.
struct RowLocks<'s> {
    stage: &'s Stage,
    postgres: Postgres,
    skus: u32,
    clients: u32,
    folder: TempDir,
    /// Transactions ever done.
    done: u64,
}

/// Starts a database for transactions on so many SKUs from so many clients.
pub fn begin(stage: &Stage, skus: u32, clients: u32) -> Result<Box<dyn Side + '_>, Failure> {
    let postgres = Postgres::start(&SETTINGS).map_err(Failure::new)?;
    postgres.sql("postgres", SCHEMA).map_err(Failure::new)?;
    let folder = tempfile::tempdir_in(stage.scratch.path())?;
    fs::write(folder.path().join(SCRIPT), ALLOCATE)?;
    Ok(Box::new(RowLocks { stage, postgres, skus, clients, folder, done: 0 }))
}

impl Side for RowLocks<'_> {
    fn turn(&mut self) -> Result<Measured, Failure> {
        let Self { skus, clients, .. } = self;
        let Lasting { seconds, warmup } = self.stage.turn();
        // Each session plans its statements first, and on the hot SKU while others wait for it.
        let warmup = warmup.ceil().max(1.0);
        let mut pgbench = self.postgres.client("pgbench");
        pgbench.args(["--no-vacuum", "--protocol=prepared", "--jobs=2", "--progress=1"]);
        pgbench.arg(format!("--client={clients}"));
        pgbench.arg(format!("--time={}", warmup + seconds.ceil()));
        pgbench.arg(format!("--define=skus={skus}"));
        pgbench.arg("--file").arg(self.folder.path().join(SCRIPT)).arg("postgres");
        let (told, progress) = output_and_errors(&mut pgbench)?;
        let measured = read(&told, &progress, warmup);
        let (measured, done) = measured.ok_or_else(|| {
            Failure::new(format!("pgbench is not understood: {told}\n{progress}"))
        })?;
        self.done += done;
        Ok(measured)
    }

    fn end(self: Box<Self>) -> Result<(), Failure> {
        let kept = self.postgres.sql("postgres", KEPT).map_err(Failure::new)?;
        let expected = vec![self.done.to_string(); 3].join("|");
        if kept.trim() == expected {
            return Ok(());
        }
        Err(Failure::new(format!("{kept} lines, events and units are kept, not {expected}")))
    }
}

/// What was done a second, in the seconds that begin after `warmup`; and all that was done.
fn read(told: &str, progress: &str, warmup: f64) -> Option<(Measured, u64)> {
    let after = |start: &str| {
        let rest = told.lines().find_map(|line| line.strip_prefix(start))?;
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
    fn what_pgbench_tells_is_read() {
        let told = "number of transactions actually processed: 1835\n\
                    number of failed transactions: 0 (0.000%)\nlatency average = 6.400 ms\n\
                    tps = 1250.500000 (without initial connection time)\n";
        let progress = "progress: 1.0 s, 440.9 tps, lat 108.666 ms stddev 101.506, 0 failed\n\
                        progress: 2.0 s, 638.0 tps, lat 102.986 ms stddev 106.495, 0 failed\n\
                        progress: 3.0 s, 692.0 tps, lat 92.765 ms stddev 91.312, 0 failed\n";
        let (measured, done) = read(told, progress, 1.0).unwrap();
        assert_eq!((measured.per_second, done), (665.0, 1835));
        assert_eq!(read(told, progress, 2.0).unwrap().0.per_second, 692.0);
        assert!(read(told, progress, 3.0).is_none());
        assert!(read(&told.replace(": 0 (", ": 7 ("), progress, 1.0).is_none());
        assert!(read("", progress, 1.0).is_none());
    }
}
