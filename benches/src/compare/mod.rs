//! Everything measured in one run: in rounds, and what is compared in turns, so that what the
//! machine does beside concerns all of them alike.

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
mod side;

use std::path::{Path, PathBuf};

use clap::Args;
use tempfile::TempDir;

use crate::failure::Failure;
use machine::Machine;
use measured::Measured;
use points::{own, sets};
use result::{Outcome, PointResult};
use side::Point;

/// Measures everything in one run, in rounds: single requests, bulk and what others do are up
/// together, and load is put on them in short turns; nodes and what needs no server come one after
/// another. Prints the table of medians and ratios, and compares it with the last result that is
/// committed.
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
    /// Seconds of each point in a round, all its turns together [default: 10, or 1.5 with --quick]
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

/// How long load is put on something, and how long before that.
#[derive(Clone, Copy)]
pub struct Lasting {
    pub seconds: f64,
    pub warmup: f64,
}

const USUAL: Lasting = Lasting { seconds: 10.0, warmup: 2.0 };
const QUICK: Lasting = Lasting { seconds: 1.5, warmup: 0.5 };
const REHEARSED: Lasting = Lasting { seconds: 3.0, warmup: 0.5 };
/// Of a round; the time of a point is divided among them. As many forwards as backwards.
const TURNS: usize = 4;
/// A turn begins with at least so much that is not measured.
const TURN_WARMUP_MIN: f64 = 0.3;

/// What points are measured with.
pub struct Stage {
    /// Where the programs stand that were built together with this one.
    pub programs: PathBuf,
    pub scratch: TempDir,
    lasting: Lasting,
    /// Points that are compared are measured in so many turns.
    pub turns: usize,
    pub orders: Option<PathBuf>,
    pub is_quick: bool,
}

impl Compare {
    pub fn run(self) -> Result<(), Failure> {
        let stage = self.stage()?;
        let rounds = self.rounds.unwrap_or(if self.quick { 2 } else { 3 });
        let sets = self.sets();
        let points = sets.concat();
        let machine = Machine::seen();
        let mut measured: Vec<Vec<Measured>> = points.iter().map(|_| Vec::new()).collect();
        for round in 1..=rounds {
            let mut rest = measured.iter_mut();
            for set in &sets {
                let told = |point: &Point, turn: &Measured| {
                    let rate = turn.per_second;
                    eprintln!("round {round} of {rounds}: {} {rate:.0} {}", point.name, point.unit);
                };
                for one in side::measure(set, &stage, told)? {
                    rest.next().expect("every point has its place").push(one);
                }
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
        let lasting = Lasting { seconds: self.seconds.unwrap_or(usual.seconds), ..usual };
        Ok(Stage {
            turns: if self.quick { 1 } else { TURNS },
            orders: self.orders.clone(),
            is_quick: self.quick,
            ..Stage::open(&self.scratch, lasting)?
        })
    }

    fn sets(&self) -> Vec<Vec<Point>> {
        let is_asked_for = |point: &Point| {
            (point.is_quick || !self.quick)
                && (!point.needs_orders || self.orders.is_some())
                && self.only.as_ref().is_none_or(|it| point.name.contains(it))
        };
        let sets = sets().into_iter();
        sets.map(|set| set.into_iter().filter(is_asked_for).collect()).collect()
    }
}

impl Rehearse {
    pub fn run(self) -> Result<(), Failure> {
        let stage = Stage { orders: Some(self.orders), ..Stage::open(&self.scratch, REHEARSED)? };
        for point in own() {
            side::measure(&[point], &stage, |point, _| eprintln!("rehearsed {}", point.name))?;
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
        Ok(Self { programs, scratch, lasting, turns: 1, orders: None, is_quick: false })
    }

    /// How long a point is measured, if it is not in turn with others.
    pub fn whole(&self) -> Lasting {
        self.lasting
    }

    /// How long a turn lasts.
    pub fn turn(&self) -> Lasting {
        let turns = f64::from(u32::try_from(self.turns).expect("they are few"));
        let Lasting { seconds, warmup } = self.lasting;
        let least = TURN_WARMUP_MIN.min(warmup);
        Lasting { seconds: seconds / turns, warmup: (warmup / turns).max(least) }
    }

    #[cfg(test)]
    pub fn for_tests(turns: usize) -> Self {
        let scratch = std::env::temp_dir();
        Self { turns, ..Self::open(&scratch, REHEARSED).expect("there is a place for files") }
    }
}
