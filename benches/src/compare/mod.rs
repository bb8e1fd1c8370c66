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

use std::path::{Path, PathBuf};

use clap::Args;
use tempfile::TempDir;

use crate::failure::Failure;
use machine::Machine;
use measured::Measured;
use points::{Point, own, points};
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

/// Puts the load of every point that needs only our own programs on them, once, and tells no
/// figure: what instrumented builds record meanwhile guides those that are measured and shipped.
#[derive(Args, Debug)]
pub struct Rehearse {
    /// Where the files of all servers are made
    #[arg(long, default_value = "target")]
    scratch: PathBuf,
    /// Orders, which `earmark replay` sends
    #[arg(long, value_name = "FILE", default_value = "demo/online-retail-slice.csv.gz")]
    orders: PathBuf,
}

/// How long a point lasts.
#[derive(Clone, Copy)]
struct Lasting {
    seconds: f64,
    warmup: f64,
}

const USUAL: Lasting = Lasting { seconds: 10.0, warmup: 2.0 };
const QUICK: Lasting = Lasting { seconds: 1.5, warmup: 0.5 };
const REHEARSED: Lasting = Lasting { seconds: 3.0, warmup: 0.5 };

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
                let one = point.measure(&stage)?;
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
        let usual = if self.quick { QUICK } else { USUAL };
        Ok(Stage {
            seconds: self.seconds.unwrap_or(usual.seconds),
            orders: self.orders.clone(),
            is_quick: self.quick,
            ..Stage::open(&self.scratch, usual)?
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

impl Rehearse {
    pub fn run(self) -> Result<(), Failure> {
        let stage = Stage { orders: Some(self.orders), ..Stage::open(&self.scratch, REHEARSED)? };
        for point in own() {
            eprintln!("rehearsing {}", point.name);
            point.measure(&stage)?;
        }
        Ok(())
    }
}

impl Stage {
    fn open(scratch: &Path, lasting: Lasting) -> Result<Self, Failure> {
        let own = std::env::current_exe()?;
        let programs = own.parent().map(PathBuf::from).unwrap_or_default();
        let scratch = tempfile::Builder::new().prefix("compare-").tempdir_in(scratch)?;
        daemon::open_to_others(scratch.path())?;
        let Lasting { seconds, warmup } = lasting;
        Ok(Self { programs, scratch, seconds, warmup, orders: None, is_quick: false })
    }
}
