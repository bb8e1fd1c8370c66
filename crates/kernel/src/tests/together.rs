//! Commands decided together: the same as one after the other, in one record, all or none.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::disk::{AppendOutcome, Disk};
use super::tally::{Add, GetSum, PANICS, TOO_MUCH, TooMuch, add, tally};
use super::world::World;
use crate::model::limits::Limits;
use crate::model::message::{Command, Idempotency, Meta, Reply};
use crate::model::outcome::{Failure, NotDone};
use crate::table::service::Service;
use crate::write::together::Together;

/// Adds all numbers, or none if one is refused. Those of `optional` are added as a whole or not at
/// all, which does not matter for the rest.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct AddAll {
    numbers: Vec<Add>,
    optional: Vec<Add>,
}

impl Command for AddAll {
    const NAME: &'static str = "tally.add_all";
    /// The sum after each addition that was done.
    type Answer = Vec<i64>;
    type Refusal = TooMuch;
    fn key(&self) -> Option<&str> {
        self.numbers.first().map(|it| it.name.as_str())
    }
}

type Sums = Result<Result<Vec<i64>, TooMuch>, Failure>;

fn add_each(together: &mut Together, numbers: Vec<Add>) -> Sums {
    let mut sums = Vec::new();
    for number in numbers {
        match together.send(number)? {
            Ok(sum) => sums.push(sum),
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    Ok(Ok(sums))
}

fn add_all(together: &mut Together, command: AddAll) -> Sums {
    together.attempt(|together| {
        let mut sums = match add_each(together, command.numbers)? {
            Ok(sums) => sums,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let optional = together.attempt(|together| add_each(together, command.optional))?;
        sums.extend(optional.into_iter().flatten());
        Ok(Ok(sums))
    })
}

fn service() -> Service {
    tally(&Arc::default()).handles_together(add_all, &[Add::NAME], |it| it.numbers.len())
}

fn all(numbers: &[(&str, i64)]) -> AddAll {
    let numbers = numbers.iter().map(|(name, by)| add(name, *by)).collect();
    AddAll { numbers, optional: Vec::new() }
}

fn keyed(key: &str) -> Meta {
    Meta { idempotency: Some(Idempotency::of(key, b"")), ..Meta::default() }
}

fn sums(world: &World) -> [Option<i64>; 3] {
    ["a", "b", "c"].map(|name| world.bus.ask(GetSum(name)).unwrap())
}

/// What the commands do one after the other.
fn in_order(model: &mut BTreeMap<String, i64>, command: &AddAll) -> Result<Vec<i64>, TooMuch> {
    let add_each = |sums: &mut BTreeMap<String, i64>, numbers: &[Add]| {
        let mut done = Vec::new();
        for Add { name, by } in numbers {
            if *by == TOO_MUCH {
                return Err(TooMuch(*by));
            }
            let sum = sums.entry(name.clone()).or_default();
            *sum += by;
            done.push(*sum);
        }
        Ok(done)
    };
    let mut sums = model.clone();
    let mut done = add_each(&mut sums, &command.numbers)?;
    let mut with_optional = sums.clone();
    if let Ok(more) = add_each(&mut with_optional, &command.optional) {
        (sums, done) = (with_optional, [done, more].concat());
    }
    *model = sums;
    Ok(done)
}

fn numbers(least: usize) -> impl Strategy<Value = Vec<Add>> {
    let number = prop_oneof![8 => 1..20_i64, 1 => Just(TOO_MUCH)];
    let name = prop_oneof![Just("a"), Just("b"), Just("c")];
    let one = (name, number).prop_map(|(name, by)| add(name, by));
    proptest::collection::vec(one, least..6)
}

proptest! {
    #[test]
    fn commands_together_do_what_they_do_one_after_the_other(
        commands in proptest::collection::vec((numbers(1), numbers(0)), 1..12),
        aggregates in 1..4usize,
    ) {
        let limits = Limits { aggregates, snapshot_events: 3, ..Limits::default() };
        let world = World::on(vec![service()], vec![Disk::new()], limits);
        let mut model = BTreeMap::new();
        let mut answers = Vec::new();
        for (at, (numbers, optional)) in commands.iter().enumerate() {
            let command = AddAll { numbers: numbers.clone(), optional: optional.clone() };
            let expected = in_order(&mut model, &command).map_err(NotDone::Refused);
            let records = world.disk(0).records().len();
            let dry = Meta { dry_run: true, ..Meta::default() };
            let tried = world.send_as(command.clone(), dry);
            prop_assert_eq!(&tried.ending, &expected);
            prop_assert_eq!(tried.events.len(), expected.as_ref().map_or(0, Vec::len));
            prop_assert_eq!(world.disk(0).records().len(), records, "a dry run records nothing");
            let done = world.send_as(command.clone(), keyed(&at.to_string()));
            prop_assert_eq!(&done.ending, &expected);
            prop_assert_eq!(world.disk(0).records().len(), records + 1, "one record");
            answers.push((command, done));
        }
        let world = world.restarted(vec![service()]);
        for (at, (command, done)) in answers.into_iter().enumerate() {
            let again = world.send_as(command, keyed(&at.to_string()));
            prop_assert!(again.replayed);
            prop_assert_eq!(again.ending, done.ending);
        }
        let expected = ["a", "b", "c"].map(|name| model.get(name).copied());
        prop_assert_eq!(sums(&world), expected);
        world.bus.verify("tally", |_, _| {}).unwrap();
    }
}

#[test]
fn a_command_that_panics_is_parked_with_the_whole() {
    let world = World::new(vec![service()]);
    let failed = world.send(all(&[("a", 1), ("b", PANICS), ("c", 1)]));
    assert!(matches!(failed, Err(NotDone::Failed(Failure::Broken { .. }))), "{failed:?}");
    assert_eq!(sums(&world), [None, None, None]);
    let parked = world.bus.parked("tally", None, 10).unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!(world.send(all(&[("a", 1), ("b", 2)])), Ok(vec![1, 2]));
}

#[test]
fn nothing_is_done_if_the_record_is_not_written() {
    let world = World::new(vec![service()]);
    world.disk(0).set_outcome_after(0, AppendOutcome::Failed);
    let failed = world.send_as(all(&[("a", 1), ("b", 2)]), keyed("k"));
    assert!(matches!(failed.ending, Err(NotDone::Failed(Failure::Storage(_)))));
    assert_eq!(sums(&world), [None, None, None]);
    let again = world.send_as(all(&[("a", 1), ("b", 2)]), keyed("k"));
    assert_eq!((again.ending, again.replayed), (Ok(vec![1, 2]), false));
}

#[test]
fn a_whole_that_sends_to_another_partition_does_nothing() {
    let world = World::partitioned(service(), 4);
    let names: Vec<String> = (0..40).map(|number| format!("n{number}")).collect();
    let numbers = names.iter().map(|name| add(name, 1)).collect();
    let failed = world.send(AddAll { numbers, optional: Vec::new() });
    let Err(NotDone::Failed(Failure::NotServed(why))) = failed else { panic!("{failed:?}") };
    assert!(why.contains("another partition"), "{why}");
    assert_eq!((0..4).map(|it| world.disk(it).records().len()).sum::<usize>(), 0);
}

#[test]
fn what_is_sent_must_be_declared() {
    let undeclared = |together: &mut Together, command: AddAll| add_all(together, command);
    let service = tally(&Arc::default()).handles_together(undeclared, &[], |_| 1);
    let world = World::new(vec![service]);
    let Reply { ending, .. } = world.send_as(all(&[("a", 1)]), Meta::default());
    let Err(NotDone::Failed(Failure::Broken { reason, .. })) = ending else { panic!() };
    assert!(reason.contains("does not declare that this sends tally.add"), "{reason}");
}
