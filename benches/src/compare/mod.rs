//! Everything measured in one run: in rounds, each point in turn, so that what the machine does
//! beside concerns all of them alike.

mod daemon;
mod http;
mod instructions;
mod machine;
mod measured;
mod nodes;
mod past;
mod points;
mod ratios;
mod redis_lua;
mod result;
mod row_locks;

use std::path::PathBuf;

use clap::Args;
use tempfile::TempDir;

use crate::failure::Failure;
use machine::Machine;
use measured::Measured;
use points::{Point, points};
use result::{Outcome, PointResult};

/// Measures everything in one run, in rounds: each point in turn, three times. Prints the table of
/// medians and ratios, and compares it with the last result that is committed.
#[derive(Args, Debug)]
pub struct Compare {
    /// Fewer and shorter points, for a look in under two minutes; nothing is written
    #[arg(long)]
    quick: bool,
    /// Where the files of all servers are made: it must be on the disk that is meant
    #[arg(long, default_value = "target")]
    scratch: PathBuf,
    /// Where results are kept
    #[arg(long, default_value = "benches/results")]
    results: PathBuf,
    /// The orders of a year, which `earmark replay` sends
    #[arg(long, value_name = "FILE")]
    orders: Option<PathBuf>,
    /// Seconds of each point [default: 10, or 1.5 with --quick]
    #[arg(long)]
    seconds: Option<f64>,
    /// How often each point is measured [default: 3, or 2 with --quick]
    #[arg(long)]
    rounds: Option<usize>,
    /// Only points whose name contains this; nothing is written
    #[arg(long, value_name = "PART")]
    only: Option<String>,
}

/// What points are measured with.
pub struct Stage {
    /// Where the programs stand that were built together with this one.
    pub programs: PathBuf,
    pub scratch: TempDir,
    pub seconds: f64,
    pub warmup: f64,
    pub orders: Option<PathBuf>,
    pub is_quick: bool,
}

impl Compare {
    pub fn run(self) -> Result<(), Failure> {
        let stage = self.stage()?;
        let rounds = self.rounds.unwrap_or(if self.quick { 2 } else { 3 });
        let points = self.points();
        let machine = Machine::seen();
        let mut measured: Vec<Vec<Measured>> = points.iter().map(|_| Vec::new()).collect();
        for round in 1..=rounds {
            for (point, measured) in points.iter().zip(&mut measured) {
                eprint!("round {round} of {rounds}: {} ", point.name);
                let one = (point.run)(&stage)
                    .map_err(|failure| Failure::new(format!("{}: {failure}", point.name)))?;
                eprintln!("{:.0} {}", one.per_second, point.unit);
                measured.push(one);
            }
        }
        let instructions = match self.only {
            None => instructions::per_allocation(&stage)?,
            Some(_) => None,
        };
        let results = points.iter().zip(measured);
        let results =
            results.map(|(point, rounds)| PointResult::of(point.name, point.unit, rounds));
        let outcome = Outcome::of(results.collect(), instructions, machine, self.quick, rounds);
        print!("{}", outcome.markdown());
        print!("{}", past::comparison(&self.results, &outcome)?);
        if !self.quick && self.only.is_none() {
            let written = outcome.write(&self.results)?;
            println!("\nwritten to {}", written.display());
        }
        Ok(())
    }

    fn stage(&self) -> Result<Stage, Failure> {
        let own = std::env::current_exe()?;
        let programs = own.parent().map(PathBuf::from).unwrap_or_default();
        let scratch = tempfile::Builder::new().prefix("compare-").tempdir_in(&self.scratch)?;
        daemon::open_to_others(scratch.path())?;
        let usual = if self.quick { (1.5, 0.5) } else { (10.0, 2.0) };
        Ok(Stage {
            programs,
            scratch,
            seconds: self.seconds.unwrap_or(usual.0),
            warmup: usual.1,
            orders: self.orders.clone(),
            is_quick: self.quick,
        })
    }

    fn points(&self) -> Vec<Point> {
        let all = points().into_iter();
        let all = all.filter(|point| point.is_quick || !self.quick);
        let all = all.filter(|point| !point.needs_orders || self.orders.is_some());
        let is_named = |point: &Point| self.only.as_ref().is_none_or(|it| point.name.contains(it));
        all.filter(is_named).collect()
    }
}
