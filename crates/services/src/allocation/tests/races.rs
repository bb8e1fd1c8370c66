//! Two operations on one order at the same time: in any order of their steps, with one partition
//! and with several, the result is that of one after the other.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use earmark_contracts::allocation::{
    Allocate, ConfirmHold, Deallocate, ExtendHold, Hold, LineState, ReleaseHold,
};
use earmark_kernel::{Command, Failure, Meta, NotDone};
use proptest::prelude::*;

use super::holds::{confirm, hold, release};
use super::{World, line, line_id, order_id};
use earmark_contracts::values::Sku;

/// An operation on the order `o1`.
#[derive(Clone, Debug)]
enum Operation {
    Hold(Hold),
    Confirm(ConfirmHold),
    Release(ReleaseHold),
    Extend(ExtendHold),
    Allocate(Allocate),
    Deallocate(Deallocate),
}

/// How an operation ended, as text: the same text is the same outcome.
type Ending = String;

const SKUS: usize = 6;

fn sku_name(number: usize) -> String {
    format!("SKU-{number}")
}

impl Operation {
    fn start(&self, world: &World) -> Pin<Box<dyn Future<Output = Ending>>> {
        match self.clone() {
            Self::Hold(command) => send(world, command),
            Self::Confirm(command) => send(world, command),
            Self::Release(command) => send(world, command),
            Self::Extend(command) => send(world, command),
            Self::Allocate(command) => send(world, command),
            Self::Deallocate(command) => send(world, command),
        }
    }
}

fn send<C: Command>(world: &World, command: C) -> Pin<Box<dyn Future<Output = Ending>>> {
    let sending = world.bus.send_as(command, Meta::default());
    Box::pin(async move {
        match sending.await.ending {
            Ok(answer) => serde_json::to_string(&answer).unwrap(),
            Err(NotDone::Refused(refusal)) => format!("refused: {refusal}"),
            Err(NotDone::Failed(Failure::Conflict(why))) => format!("busy: {why}"),
            Err(other) => panic!("{other:?}"),
        }
    })
}

fn world(partitions: usize, stock: &[u64]) -> World {
    let world = World::allocation_parts(partitions);
    for (number, quantity) in stock.iter().enumerate() {
        world.batch(&format!("b{number}"), &sku_name(number), *quantity, None);
    }
    world
}

/// What an observer sees of the order in the end.
fn seen(world: &World) -> (Vec<LineState>, String) {
    let order = earmark_contracts::allocation::GetHold { order_id: order_id("o1") };
    let hold = world.bus.ask(order).unwrap();
    let hold = hold.map(|it| format!("{:?} {:?} {:?}", it.state, it.until_ms, it.missing));
    (world.lines("o1"), hold.unwrap_or_default())
}

/// Both operations one after the other.
fn in_order(
    partitions: usize,
    stock: &[u64],
    before: &[Operation],
    [first, second]: [&Operation; 2],
) -> ([Ending; 2], (Vec<LineState>, String)) {
    let world = world(partitions, stock);
    for operation in before {
        finish(&world, operation);
    }
    let endings = [finish(&world, first), finish(&world, second)];
    (endings, seen(&world))
}

fn finish(world: &World, operation: &Operation) -> Ending {
    let mut running = operation.start(world);
    let mut task = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(ending) = running.as_mut().poll(&mut task) {
            return ending;
        }
        assert!(world.bus.step(), "the operation waits for nothing");
    }
}

/// Both operations at the same time: `schedule` says which of them goes on, or that the writers
/// do.
fn at_once(
    world: &World,
    [first, second]: [&Operation; 2],
    schedule: &[u8],
) -> ([Ending; 2], (Vec<LineState>, String)) {
    let mut running = [Some(first.start(world)), Some(second.start(world))];
    let mut endings = [None, None];
    let mut task = Context::from_waker(Waker::noop());
    let mut schedule = schedule.iter().copied().chain((0..).map(|turn| turn % 3));
    while endings.iter().any(Option::is_none) {
        let turn = usize::from(schedule.next().unwrap_or_default() % 3);
        if turn == 2 {
            let _ = world.bus.step();
            continue;
        }
        let Some(it) = &mut running[turn] else { continue };
        if let Poll::Ready(ending) = it.as_mut().poll(&mut task) {
            (running[turn], endings[turn]) = (None, Some(ending));
        }
    }
    (endings.map(Option::unwrap_or_default), seen(world))
}

fn lines() -> impl Strategy<Value = Vec<(String, u64)>> {
    let line = (0..SKUS, 1..4u64).prop_map(|(number, quantity)| (sku_name(number), quantity));
    proptest::collection::vec(line, 1..SKUS).prop_map(|mut lines| {
        lines.sort();
        lines.dedup_by(|a, b| a.0 == b.0);
        lines
    })
}

fn operations() -> impl Strategy<Value = Operation> {
    let hold = (lines(), prop_oneof![Just(60), Just(600)]).prop_map(|(lines, ttl_s)| {
        let lines: Vec<_> = lines.iter().map(|(name, units)| (name.as_str(), *units)).collect();
        Operation::Hold(hold("o1", &lines, ttl_s))
    });
    let deallocate = (0..SKUS).prop_map(|number| {
        let name = sku_name(number);
        let (order_id, line_id) = (order_id("o1"), line_id(&name));
        let sku: Option<Sku> = Some(super::sku(&name));
        Operation::Deallocate(Deallocate { order_id, line_id, sku, reason: String::new() })
    });
    let allocate = (0..SKUS, 1..4u64)
        .prop_map(|(number, units)| Operation::Allocate(line("o1", &sku_name(number), units)));
    prop_oneof![
        4 => hold,
        3 => Just(Operation::Confirm(confirm("o1"))),
        3 => Just(Operation::Release(release("o1"))),
        2 => Just(Operation::Extend(ExtendHold { order_id: order_id("o1"), ttl_s: 300 })),
        1 => allocate,
        1 => deallocate,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn two_operations_at_once_end_as_one_after_the_other(
        partitions in 1..4usize,
        stock in proptest::collection::vec(1..5u64, SKUS),
        before in proptest::collection::vec(operations(), 0..3),
        pair in (operations(), operations()),
        schedule in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let pair = [&pair.0, &pair.1];
        let world = world(partitions, &stock);
        for operation in &before {
            finish(&world, operation);
        }
        let found = at_once(&world, pair, &schedule);
        world.check();
        let forward = in_order(partitions, &stock, &before, pair);
        let (endings, end) = in_order(partitions, &stock, &before, [pair[1], pair[0]]);
        let [second, first] = endings;
        let backward = ([first, second], end);
        prop_assert!(
            found == forward || found == backward,
            "{found:#?}\n is neither {forward:#?}\n nor {backward:#?}"
        );
    }
}

#[test]
fn a_hold_is_confirmed_or_released_but_not_both() {
    // F9: both answered 200, and the line stayed allocated.
    for partitions in [1, 3] {
        for first in 0..40u8 {
            let world = world(partitions, &[5, 5]);
            let hold = Operation::Hold(hold("o1", &[("SKU-0", 1), ("SKU-1", 2)], 600));
            finish(&world, &hold);
            let schedule: Vec<u8> = (0..40).map(|turn| first.wrapping_mul(turn) ^ turn).collect();
            let (confirm, release) =
                (Operation::Confirm(confirm("o1")), Operation::Release(release("o1")));
            let (endings, (lines, _)) = at_once(&world, [&confirm, &release], &schedule);
            let refused: Vec<_> = endings.iter().map(|it| it.starts_with("refused")).collect();
            match refused.as_slice() {
                [false, true] => assert_eq!(lines.len(), 2, "confirmed"),
                [true, false] => assert!(lines.is_empty(), "released"),
                _ => panic!("{endings:?}"),
            }
            world.check();
        }
    }
}

#[test]
fn a_refused_hold_is_not_confirmed() {
    // F10: the hold answered that nothing was held, and its lines were confirmed meanwhile.
    for partitions in [1, 4] {
        for first in 0..40u8 {
            let mut stock = vec![1; 30];
            stock.push(0);
            let world = World::allocation_parts(partitions);
            for number in 0..30 {
                world.batch(&format!("b{number}"), &sku_name(number), 1, None);
            }
            world.batch("none", "NONE", 1, None);
            world.allocate("other", "NONE", 1);
            let names: Vec<_> = (0..30).map(sku_name).chain(["NONE".to_owned()]).collect();
            let lines: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
            let schedule: Vec<u8> = (0..60).map(|turn| first.wrapping_mul(turn) ^ turn).collect();
            let hold = Operation::Hold(hold("o1", &lines, 600));
            let confirm = Operation::Confirm(confirm("o1"));
            let (endings, (lines, _)) = at_once(&world, [&hold, &confirm], &schedule);
            assert!(endings.iter().all(|it| it.starts_with("refused")), "{endings:?}");
            assert!(lines.is_empty(), "{lines:?}");
            world.check();
        }
    }
}
