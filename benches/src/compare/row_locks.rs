//! The baseline `row-locks`: PostgreSQL as a shop would use it, driven by its own pgbench.

use std::fs;

use earmark_servers::postgres::Postgres;

use super::Stage;
use super::daemon::output;
use super::measured::Measured;
use crate::failure::Failure;

const SCHEMA: &str = include_str!("../../row-locks/schema.sql");
const ALLOCATE: &str = include_str!("../../row-locks/allocate.sql");
/// What both that use PostgreSQL give it.
pub const SETTINGS: [&str; 1] = ["shared_buffers=256MB"];

/// Measures transactions on so many SKUs from so many clients.
pub fn measure(stage: &Stage, skus: u32, clients: u32) -> Result<Measured, Failure> {
    let postgres = Postgres::start(&SETTINGS).map_err(Failure::new)?;
    postgres.sql("postgres", SCHEMA).map_err(Failure::new)?;
    let folder = tempfile::tempdir_in(stage.scratch.path())?;
    let script = folder.path().join("allocate.sql");
    fs::write(&script, ALLOCATE)?;
    let mut pgbench = postgres.client("pgbench");
    pgbench.args(["--no-vacuum", "--protocol=prepared", "--jobs=2"]);
    pgbench.arg(format!("--client={clients}"));
    pgbench.arg(format!("--time={}", stage.seconds.ceil()));
    pgbench.arg(format!("--define=skus={skus}")).arg("--file").arg(&script).arg("postgres");
    let told = output(&mut pgbench)?;
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
