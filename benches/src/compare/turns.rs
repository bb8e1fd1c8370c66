//! Points and how they are measured: alone, or in turns with others whose servers run at the same
//! time.

use super::environment::BenchEnv;
use super::measured::Measured;
use crate::failure::Failure;

/// A target of load.
pub trait Target {
    /// Puts it under load once.
    fn turn(&mut self) -> Result<Measured, Failure>;

    /// Stops it and checks its data.
    fn end(self: Box<Self>) -> Result<(), Failure>;
}

/// A point of the measurement.
#[derive(Clone, Copy)]
pub struct Point {
    pub name: &'static str,
    pub unit: &'static str,
    /// It is part of `--quick`.
    pub is_quick: bool,
    /// It needs `--orders`.
    pub needs_orders: bool,
    pub run: Run,
}

/// How a point is measured.
#[derive(Clone, Copy)]
pub enum Run {
    /// From its start to its end, while no other server runs.
    Alone(fn(&BenchEnv) -> Result<Measured, Failure>),
    /// In turns with the other points of its set, whose servers run at the same time.
    InTurn(fn(&BenchEnv) -> Result<Box<dyn Target + '_>, Failure>),
}

impl Point {
    fn begin<'s>(&self, env: &'s BenchEnv) -> Result<Box<dyn Target + 's>, Failure> {
        match self.run {
            Run::Alone(measure) => Ok(Box::new(Alone { env, measure })),
            Run::InTurn(begin) => begin(env),
        }
    }

    fn turns(&self, env: &BenchEnv) -> usize {
        match self.run {
            Run::Alone(_) => 1,
            Run::InTurn(_) => env.turns,
        }
    }

    fn named<T>(&self, done: Result<T, Failure>) -> Result<T, Failure> {
        done.map_err(|failure| Failure::new(format!("{}: {failure}", self.name)))
    }
}

struct Alone<'s> {
    env: &'s BenchEnv,
    measure: fn(&BenchEnv) -> Result<Measured, Failure>,
}

impl Target for Alone<'_> {
    fn turn(&mut self) -> Result<Measured, Failure> {
        (self.measure)(self.env)
    }
    fn end(self: Box<Self>) -> Result<(), Failure> {
        Ok(())
    }
}

/// Measures a set of points and reports each turn. All servers run at the same time and are put
/// under load in short turns, forwards and backwards, so that a machine that becomes slower affects
/// all points alike.
pub fn measure(
    points: &[Point],
    env: &BenchEnv,
    report: impl Fn(&Point, &Measured),
) -> Result<Vec<Measured>, Failure> {
    let targets = points.iter().map(|point| point.named(point.begin(env)));
    let mut targets = targets.collect::<Result<Vec<_>, _>>()?;
    let mut measured: Vec<Vec<Measured>> = points.iter().map(|_| Vec::new()).collect();
    let turns = points.iter().map(|point| point.turns(env)).max().unwrap_or_default();
    for turn in 0..turns {
        let mut order: Vec<usize> = (0..points.len()).collect();
        if turn % 2 == 1 {
            order.reverse();
        }
        for at in order {
            let one = points[at].named(targets[at].turn())?;
            report(&points[at], &one);
            measured[at].push(one);
        }
    }
    for (point, target) in points.iter().zip(targets) {
        point.named(target.end())?;
    }
    Ok(measured.iter().map(|turns| Measured::of_turns(turns)).collect())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    thread_local! {
        static CALLS: RefCell<Vec<String>> = RefCell::default();
    }

    fn record(what: String) {
        CALLS.with_borrow_mut(|calls| calls.push(what));
    }

    /// Records its calls.
    struct Recording(&'static str);

    fn begun(name: &'static str) -> Recording {
        record(format!("begin {name}"));
        Recording(name)
    }

    impl Target for Recording {
        fn turn(&mut self) -> Result<Measured, Failure> {
            record(format!("turn {}", self.0));
            let rate = CALLS.with_borrow(Vec::len) * self.0.len();
            Ok(Measured { per_second: rate as f64, ..Measured::default() })
        }
        fn end(self: Box<Self>) -> Result<(), Failure> {
            record(format!("end {}", self.0));
            Ok(())
        }
    }

    fn point(name: &'static str, run: Run) -> Point {
        Point { name, unit: "", is_quick: true, needs_orders: false, run }
    }

    #[test]
    fn all_targets_run_during_all_turns() {
        let points = [
            point("a", Run::InTurn(|_| Ok(Box::new(begun("a"))))),
            point("bb", Run::InTurn(|_| Ok(Box::new(begun("bb"))))),
        ];
        let measured = measure(&points, &BenchEnv::for_tests(4), |_, _| {}).unwrap();
        let turns = ["a", "bb", "bb", "a", "a", "bb", "bb", "a"].map(|name| format!("turn {name}"));
        let calls = CALLS.take();
        assert_eq!(calls[..2], ["begin a", "begin bb"]);
        assert_eq!(calls[2..10], turns);
        assert_eq!(calls[10..], ["end a", "end bb"]);
        let rates: Vec<f64> = measured.iter().map(|it| it.per_second).collect();
        assert_eq!(rates, [6.5, 13.0]);
    }

    #[test]
    fn a_point_alone_has_one_turn_and_is_named_in_its_error() {
        let broken = point("alone", Run::Alone(|_| Err(Failure::new("broke"))));
        let failed = measure(&[broken], &BenchEnv::for_tests(4), |_, _| {}).unwrap_err();
        assert_eq!(failed.to_string(), "alone: broke");
        let well = point("alone", Run::Alone(|_| Ok(Measured::default())));
        let turns = RefCell::new(0);
        measure(&[well], &BenchEnv::for_tests(4), |_, _| *turns.borrow_mut() += 1).unwrap();
        assert_eq!(turns.take(), 1);
    }
}
