//! `compare`: measures all points in one run and compares them with each other and with the last
//! committed result.

use std::path::PathBuf;

use clap::Args;

use super::environment::{BenchEnv, LoadDuration};
use super::instructions;
use super::machine::Machine;
use super::measured::Measured;
use super::point_result::PointResult;
use super::points::sets;
use super::previous;
use super::result::Outcome;
use super::turns::{self, Point};
use crate::failure::Failure;

const USUAL: LoadDuration = LoadDuration { seconds: 10.0, warmup: 2.0 };
const QUICK: LoadDuration = LoadDuration { seconds: 1.5, warmup: 0.5 };
/// Turns per round, among which the time of a point is divided: the same number forwards and
/// backwards.
const TURNS: usize = 4;

/// Measure everything in rounds, and compare the result with the last committed one
///
/// The servers of points that are compared run at the same time and are put under load in short
/// turns. Nodes and points without a server are measured one after another.
#[derive(Args, Debug)]
pub struct Compare {
    /// Fewer and shorter points, in less than two minutes; writes no result
    #[arg(long)]
    quick: bool,
    /// Folder for the files of all servers, on the disk to measure
    #[arg(long, default_value = "target")]
    scratch: PathBuf,
    /// Folder of the results
    #[arg(long, default_value = "benches/results")]
    results: PathBuf,
    /// Orders of a year that `earmark replay` sends
    #[arg(long, value_name = "FILE")]
    orders: Option<PathBuf>,
    /// Seconds per point and round, for all its turns together [default: 10, or 1.5 with --quick]
    #[arg(long)]
    seconds: Option<f64>,
    /// Number of rounds [default: 3, or 2 with --quick]
    #[arg(long)]
    rounds: Option<usize>,
    /// Only points whose name contains this; writes no result
    #[arg(long, value_name = "PART")]
    only: Option<String>,
}

impl Compare {
    pub fn run(self) -> Result<(), Failure> {
        let env = self.env()?;
        let rounds = self.rounds.unwrap_or(if self.quick { 2 } else { 3 });
        let sets = self.sets();
        let points = sets.concat();
        let machine = Machine::seen();
        let mut measured: Vec<Vec<Measured>> = points.iter().map(|_| Vec::new()).collect();
        for round in 1..=rounds {
            let mut rest = measured.iter_mut();
            for set in &sets {
                let report = |point: &Point, turn: &Measured| {
                    let rate = turn.per_second;
                    eprintln!("round {round} of {rounds}: {} {rate:.0} {}", point.name, point.unit);
                };
                for one in turns::measure(set, &env, report)? {
                    rest.next().expect("every point has a list").push(one);
                }
            }
        }
        let instructions = match self.only {
            None => instructions::per_allocation(&env)?,
            Some(_) => None,
        };
        let results = points.iter().zip(measured);
        let results =
            results.map(|(point, rounds)| PointResult::of(point.name, point.unit, rounds));
        let outcome = Outcome::of(results.collect(), instructions, machine, self.quick, rounds);
        print!("{}", outcome.markdown());
        print!("{}", previous::comparison(&self.results, &outcome)?);
        if !self.quick && self.only.is_none() {
            let written = outcome.write(&self.results)?;
            println!("\nwritten to {}", written.display());
        }
        Ok(())
    }

    fn env(&self) -> Result<BenchEnv, Failure> {
        let usual = if self.quick { QUICK } else { USUAL };
        let duration = LoadDuration { seconds: self.seconds.unwrap_or(usual.seconds), ..usual };
        Ok(BenchEnv {
            turns: if self.quick { 1 } else { TURNS },
            orders: self.orders.clone(),
            is_quick: self.quick,
            ..BenchEnv::open(&self.scratch, duration)?
        })
    }

    fn sets(&self) -> Vec<Vec<Point>> {
        let is_selected = |point: &Point| {
            (point.is_quick || !self.quick)
                && (!point.needs_orders || self.orders.is_some())
                && self.only.as_ref().is_none_or(|it| point.name.contains(it))
        };
        let sets = sets().into_iter();
        sets.map(|set| set.into_iter().filter(is_selected).collect()).collect()
    }
}
