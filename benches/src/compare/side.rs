//! What is measured beside others: it is up while they are, and under load when its turn comes.

use super::Stage;
use super::measured::Measured;
use crate::failure::Failure;

/// What is measured beside others.
pub trait Side {
    /// Puts load on it, once.
    fn turn(&mut self) -> Result<Measured, Failure>;

    /// Ends it, and looks whether it kept what it promised.
    fn end(self: Box<Self>) -> Result<(), Failure>;
}

/// A point.
#[derive(Clone, Copy)]
pub struct Point {
    pub name: &'static str,
    pub unit: &'static str,
    /// `--quick` keeps it.
    pub is_quick: bool,
    /// It needs the orders of a year.
    pub needs_orders: bool,
    pub run: Run,
}

/// How a point is measured.
#[derive(Clone, Copy)]
pub enum Run {
    /// From its start to its end, with nothing beside it.
    Alone(fn(&Stage) -> Result<Measured, Failure>),
    /// In turn with the others of its set, all of them up.
    InTurn(fn(&Stage) -> Result<Box<dyn Side + '_>, Failure>),
}

impl Point {
    fn begin<'s>(&self, stage: &'s Stage) -> Result<Box<dyn Side + 's>, Failure> {
        match self.run {
            Run::Alone(measure) => Ok(Box::new(Alone { stage, measure })),
            Run::InTurn(begin) => begin(stage),
        }
    }

    fn turns(&self, stage: &Stage) -> usize {
        match self.run {
            Run::Alone(_) => 1,
            Run::InTurn(_) => stage.turns,
        }
    }

    fn named<T>(&self, done: Result<T, Failure>) -> Result<T, Failure> {
        done.map_err(|failure| Failure::new(format!("{}: {failure}", self.name)))
    }
}

struct Alone<'s> {
    stage: &'s Stage,
    measure: fn(&Stage) -> Result<Measured, Failure>,
}

impl Side for Alone<'_> {
    fn turn(&mut self) -> Result<Measured, Failure> {
        (self.measure)(self.stage)
    }
    fn end(self: Box<Self>) -> Result<(), Failure> {
        Ok(())
    }
}

/// Measures points that are compared with each other, once each, and tells each turn: all of them
/// are up, and load is put on them in short turns, forwards and backwards, so that a machine that
/// gets slower does so for all of them alike.
pub fn measure(
    points: &[Point],
    stage: &Stage,
    told: impl Fn(&Point, &Measured),
) -> Result<Vec<Measured>, Failure> {
    let sides = points.iter().map(|point| point.named(point.begin(stage)));
    let mut sides = sides.collect::<Result<Vec<_>, _>>()?;
    let mut measured: Vec<Vec<Measured>> = points.iter().map(|_| Vec::new()).collect();
    let turns = points.iter().map(|point| point.turns(stage)).max().unwrap_or_default();
    for turn in 0..turns {
        let mut order: Vec<usize> = (0..points.len()).collect();
        if turn % 2 == 1 {
            order.reverse();
        }
        for at in order {
            let one = points[at].named(sides[at].turn())?;
            told(&points[at], &one);
            measured[at].push(one);
        }
    }
    for (point, side) in points.iter().zip(sides) {
        point.named(side.end())?;
    }
    Ok(measured.iter().map(|turns| Measured::of_turns(turns)).collect())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    thread_local! {
        static TOLD: RefCell<Vec<String>> = RefCell::default();
    }

    fn tell(what: String) {
        TOLD.with_borrow_mut(|told| told.push(what));
    }

    /// Says what is done with it.
    struct Telling(&'static str);

    fn begun(name: &'static str) -> Telling {
        tell(format!("begin {name}"));
        Telling(name)
    }

    impl Side for Telling {
        fn turn(&mut self) -> Result<Measured, Failure> {
            tell(format!("turn {}", self.0));
            let rate = TOLD.with_borrow(Vec::len) * self.0.len();
            Ok(Measured { per_second: rate as f64, ..Measured::default() })
        }
        fn end(self: Box<Self>) -> Result<(), Failure> {
            tell(format!("end {}", self.0));
            Ok(())
        }
    }

    fn point(name: &'static str, run: Run) -> Point {
        Point { name, unit: "", is_quick: true, needs_orders: false, run }
    }

    #[test]
    fn all_are_up_while_they_are_in_turn() {
        let points = [
            point("a", Run::InTurn(|_| Ok(Box::new(begun("a"))))),
            point("bb", Run::InTurn(|_| Ok(Box::new(begun("bb"))))),
        ];
        let measured = measure(&points, &Stage::for_tests(4), |_, _| {}).unwrap();
        let turns = ["a", "bb", "bb", "a", "a", "bb", "bb", "a"].map(|name| format!("turn {name}"));
        let told = TOLD.take();
        assert_eq!(told[..2], ["begin a", "begin bb"]);
        assert_eq!(told[2..10], turns);
        assert_eq!(told[10..], ["end a", "end bb"]);
        let rates: Vec<f64> = measured.iter().map(|it| it.per_second).collect();
        assert_eq!(rates, [6.5, 13.0]);
    }

    #[test]
    fn what_is_alone_has_one_turn_and_is_named_when_it_fails() {
        let broken = point("alone", Run::Alone(|_| Err(Failure::new("broke"))));
        let failed = measure(&[broken], &Stage::for_tests(4), |_, _| {}).unwrap_err();
        assert_eq!(failed.to_string(), "alone: broke");
        let well = point("alone", Run::Alone(|_| Ok(Measured::default())));
        let told = RefCell::new(0);
        measure(&[well], &Stage::for_tests(4), |_, _| *told.borrow_mut() += 1).unwrap();
        assert_eq!(told.take(), 1);
    }
}
