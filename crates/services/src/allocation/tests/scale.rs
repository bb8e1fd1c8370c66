//! A command on a SKU with very many open lines costs about what it costs with ten.

use earmark_contracts::allocation::{Allocate, ChangeBatch, StockHistory, WhenShort};
use earmark_contracts::values::Level;
use earmark_kernel::runtime::drive;
use earmark_kernel::{Command, Meta};

use super::{World, change, day, line, priority, units};

/// Walking so many lines would cost thousands of times what it may.
const MANY: usize = if cfg!(debug_assertions) { 20_000 } else { 100_000 };
const FEW: usize = 10;
/// How much more a command may cost with many lines than with few; a walk costs far more.
const RATIO_MAX: f64 = 12.0;
/// Each command is measured so often, with few and many in turn; the median counts.
const ROUNDS: usize = 41;

/// One hot SKU. Half of its lines are in a batch that is on its way, half wait; among both small
/// ones that are overdue and large ones that are not, so that bounds alone exclude nobody.
fn hot(lines: usize) -> World {
    let world = World::new();
    world.batch("big", "HOT", 900_000_000, Some("2011-03-01"));
    let wanted = |number: usize, kind: &str| {
        let early = number.is_multiple_of(2);
        let days = ["2011-03-01", "2011-03-05", "2011-03-09", "2011-12-24"];
        let need_by = if early { Some(day(days[number / 2 % 4])) } else { None };
        let command = Allocate {
            need_by,
            quantity: units(if early { 2 } else { 50 }),
            priority: priority(u64::try_from(number % 10).unwrap()),
            short: WhenShort::Queue,
            ..line(&format!("{kind}{number}"), "HOT", 1)
        };
        (command, Meta::default())
    };
    let send = |kind| {
        for first in (0..lines / 2).step_by(1_000) {
            let last = (first + 1_000).min(lines / 2);
            let some = (first..last).map(|number| wanted(number, kind)).collect();
            let replies = drive(&world.bus, world.bus.send_many(some));
            assert!(replies.iter().all(|it| it.ending.is_ok()));
        }
    };
    send("placed");
    let allocated = world.totals("big")[1];
    world.resize("big", u64::from(allocated));
    send("waiting");
    // Units that only lines which are overdue by then would be small enough for.
    world.batch("late", "HOT", 40, Some("2012-01-01"));
    world.batch("last", "HOT", 49, Some("2012-06-01"));
    world.allocate("rest", "HOT", 1);
    world.bus.flush().unwrap();
    world
}

struct Measured {
    name: &'static str,
    few: Vec<f64>,
    many: Vec<f64>,
}

#[expect(clippy::disallowed_methods, reason = "compares what two runs cost, decides nothing else")]
fn seconds(run: impl FnOnce()) -> f64 {
    let start = std::time::Instant::now();
    run();
    start.elapsed().as_secs_f64()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

type Act = fn(&World, usize);

fn done<C: Command>(world: &World, command: C) {
    world.send(command).unwrap();
}

fn level(units: u64) -> Option<Level> {
    Some(Level::new(units).unwrap())
}

fn resized(world: &World, round: usize) -> ChangeBatch {
    let purchased = u64::from(world.state("late").purchased_quantity);
    let quantity = if round.is_multiple_of(2) { purchased + 1 } else { purchased - 1 };
    ChangeBatch { quantity: level(quantity), ..change("late") }
}

fn slipped(round: usize) -> ChangeBatch {
    let eta = if round.is_multiple_of(2) { "2012-02-01" } else { "2012-02-02" };
    ChangeBatch { eta: Some(Some(day(eta))), ..change("big") }
}

const ACTS: [(&str, Act); 9] = [
    ("allocate", |world, round| done(world, line(&format!("new{round}"), "HOT", 1))),
    ("deallocate", |world, round| {
        done(world, super::deallocate(&format!("new{round}"), "HOT"));
    }),
    ("allocate, out of stock", |world, _| done(world, line("huge", "HOT", 900_000_000))),
    ("change the quantity by 1", |world, round| done(world, resized(world, round))),
    ("change the quantity by 1, rehearsed", |world, round| {
        world.rehearse(resized(world, round)).0.ending.unwrap();
    }),
    ("allocate, rehearsed", |world, _| {
        world.rehearse(line("try", "HOT", 1)).0.ending.unwrap();
    }),
    ("change the ETA", |world, round| done(world, slipped(round))),
    ("change the ETA, rehearsed", |world, round| {
        world.rehearse(slipped(round + 1)).0.ending.unwrap();
    }),
    ("lose one line", |world, _| {
        let state = world.state("big");
        let quantity = level(u64::from(state.purchased_quantity) - 1);
        done(world, ChangeBatch { quantity, ..change("big") });
    }),
];

#[test]
fn no_command_walks_all_lines_of_a_hot_sku() {
    let (few, many) = (hot(FEW), hot(MANY));
    let mut measured: Vec<Measured> =
        ACTS.iter().map(|(name, _)| Measured { name, few: Vec::new(), many: Vec::new() }).collect();
    for round in 0..ROUNDS {
        for ((_, act), it) in ACTS.iter().zip(&mut measured) {
            it.few.push(seconds(|| act(&few, round)));
            it.many.push(seconds(|| act(&many, round)));
        }
    }
    for Measured { name, few, many } in &mut measured {
        let (few, many) = (median(few) * 1e6, median(many) * 1e6);
        let ratio = many / few;
        println!(
            "{name}: {few:.1} µs with {FEW} lines, {many:.1} µs with {MANY}, {ratio:.2} times"
        );
        assert!(ratio < RATIO_MAX, "{name} costs {ratio:.1} times as much with many lines");
    }
    few.check();
}

/// What the first command on the hot SKU costs after a restart, and what its history costs.
fn cold(lines: usize) -> [f64; 2] {
    let world = hot(lines).restarted(true);
    let first = seconds(|| done(&world, line("first", "HOT", 1)));
    let after = u64::try_from(lines).unwrap() - 1;
    let question = StockHistory { sku: super::sku("HOT"), after, limit: 1 };
    let history = seconds(|| assert_eq!(world.bus.ask(question).unwrap().unwrap().len(), 1));
    [first, history]
}

#[test]
fn loading_a_hot_sku_costs_as_much_more_as_it_is_larger() {
    let (some, many) = (cold(MANY / 5), cold(MANY));
    for ((some, many), name) in some.into_iter().zip(many).zip(["first command", "history"]) {
        println!("{name}: {some:.3} s with {} lines, {many:.3} s with {MANY}", MANY / 5);
        assert!(many / some < RATIO_MAX, "{name}: five times the lines, {:.1} times", many / some);
    }
}
