//! The cost of a command does not depend on the number of open lines of its SKU.

use earmark_contracts::allocation::{Allocate, ChangeBatch, StockHistory, WhenShort};
use earmark_contracts::values::Level;
use earmark_kernel::runtime::drive;
use earmark_kernel::{Command, Meta};

use super::{World, change, day, line, priority, units};

/// A command that visits this number of lines costs thousands of times the limit.
const MANY: usize = if cfg!(debug_assertions) { 20_000 } else { 100_000 };
const FEW: usize = 10;
/// The maximum ratio of the cost with many lines to the cost with few.
const RATIO_MAX: f64 = 12.0;
/// Measurements per command, alternating between few and many lines. The median is compared.
const ROUNDS: usize = 41;

/// A world with one hot SKU. Half of its lines are allocated to an incoming batch, half are short.
/// Both halves have small lines that are overdue and large ones that are not, so that bounds of
/// quantity or day alone exclude none.
fn hot(lines: usize) -> World {
    let world = World::allocation();
    world.batch("big", "HOT", 900_000_000, Some("2011-03-01"));
    let allocate = |number: usize, kind: &str| {
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
            let some = (first..last).map(|number| allocate(number, kind)).collect();
            let replies = drive(&world.bus, world.bus.send_many(some));
            assert!(replies.iter().all(|it| it.ending.is_ok()));
        }
    };
    send("placed");
    let allocated = world.totals("big")[1];
    world.resize("big", u64::from(allocated));
    send("waiting");
    // Units for which only lines that are overdue by then are small enough.
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

type Action = fn(&World, usize);

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

fn delayed(round: usize) -> ChangeBatch {
    let eta = if round.is_multiple_of(2) { "2012-02-01" } else { "2012-02-02" };
    ChangeBatch { eta: Some(Some(day(eta))), ..change("big") }
}

const ACTIONS: [(&str, Action); 9] = [
    ("allocate", |world, round| done(world, line(&format!("new{round}"), "HOT", 1))),
    ("deallocate", |world, round| {
        done(world, super::deallocate(&format!("new{round}"), "HOT"));
    }),
    ("allocate, out of stock", |world, _| done(world, line("huge", "HOT", 900_000_000))),
    ("change the quantity by 1", |world, round| done(world, resized(world, round))),
    ("change the quantity by 1, dry run", |world, round| {
        world.dry_run(resized(world, round)).0.ending.unwrap();
    }),
    ("allocate, dry run", |world, _| {
        world.dry_run(line("try", "HOT", 1)).0.ending.unwrap();
    }),
    ("change the ETA", |world, round| done(world, delayed(round))),
    ("change the ETA, dry run", |world, round| {
        world.dry_run(delayed(round + 1)).0.ending.unwrap();
    }),
    ("deallocate one line", |world, _| {
        let state = world.state("big");
        let quantity = level(u64::from(state.purchased_quantity) - 1);
        done(world, ChangeBatch { quantity, ..change("big") });
    }),
];

#[test]
fn no_command_walks_all_lines_of_a_hot_sku() {
    let (few, many) = (hot(FEW), hot(MANY));
    let mut measured: Vec<Measured> = ACTIONS
        .iter()
        .map(|(name, _)| Measured { name, few: Vec::new(), many: Vec::new() })
        .collect();
    for round in 0..ROUNDS {
        for ((_, action), it) in ACTIONS.iter().zip(&mut measured) {
            it.few.push(seconds(|| action(&few, round)));
            it.many.push(seconds(|| action(&many, round)));
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

/// The seconds of the first command on the hot SKU after a restart, and of a query of its history.
fn cold(lines: usize) -> [f64; 2] {
    let world = hot(lines).restarted(true);
    let first = seconds(|| done(&world, line("first", "HOT", 1)));
    let after = u64::try_from(lines).unwrap() - 1;
    let query = StockHistory { sku: super::sku("HOT"), after, limit: 1 };
    let history = seconds(|| assert_eq!(world.bus.ask(query).unwrap().unwrap().len(), 1));
    [first, history]
}

#[test]
fn the_cost_of_loading_a_hot_sku_grows_linearly() {
    let (some, many) = (cold(MANY / 5), cold(MANY));
    for ((some, many), name) in some.into_iter().zip(many).zip(["first command", "history"]) {
        println!("{name}: {some:.3} s with {} lines, {many:.3} s with {MANY}", MANY / 5);
        assert!(many / some < RATIO_MAX, "{name}: five times the lines, {:.1} times", many / some);
    }
}
