//! Random commands for the invariants: every command of the service, with extreme values.

use earmark_contracts::allocation::{
    Allocate, ChangeBatch, CloseBatch, ConfirmHold, CreateBatch, Deallocate, Disposition, Hold,
    HoldLine, IfUnavailable, MovedLine, ReleaseHold, Return, Ship, WhenShort,
};
use earmark_contracts::values::{BatchReference, Day, Level, LineId, OrderId, Priority, Sku};
use earmark_kernel::Command;
use proptest::option::of;
use proptest::prelude::*;

use super::{World, line_id, order_id, priority, reference_of, sku, units};

/// A step in a world.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Create(CreateBatch),
    Change(ChangeBatch),
    Close(CloseBatch),
    Allocate(Allocate),
    Deallocate(Deallocate),
    Ship(Ship),
    Return(Return),
    Hold(Hold),
    Confirm(ConfirmHold),
    Release(ReleaseHold),
    PassHours(i64),
    Sweep,
}

/// The result of a step.
#[derive(Debug, PartialEq)]
pub(super) struct StepResult {
    pub(super) text: String,
    /// The moved lines, if the answer reports them.
    pub(super) moved: Option<Vec<MovedLine>>,
}

const SKUS: [&str; 3] = ["LAMP", "BANK CHARGES", "\u{10ffff}"];
const ORDERS: [&str; 7] = ["o1", "o2", "o3", "o4", "o5", "o 6", "\u{10ffff}"];
const LINES: [&str; 3] = ["LAMP", "1", "\u{10ffff}"];
const BATCHES: [&str; 6] = ["b1", "b2", "b3", "b4", "b5", "\u{10ffff}"];

fn skus() -> impl Strategy<Value = Sku> {
    prop_oneof![8 => Just(SKUS[0]), 2 => Just(SKUS[1]), 1 => Just(SKUS[2])].prop_map(sku)
}
fn orders() -> impl Strategy<Value = OrderId> {
    proptest::sample::select(&ORDERS[..]).prop_map(order_id)
}
fn lines() -> impl Strategy<Value = LineId> {
    prop_oneof![6 => Just(LINES[0]), 2 => Just(LINES[1]), 1 => Just(LINES[2])].prop_map(line_id)
}
fn batches() -> impl Strategy<Value = BatchReference> {
    proptest::sample::select(&BATCHES[..]).prop_map(reference_of)
}
fn days() -> impl Strategy<Value = Day> {
    prop_oneof![
        12 => (1..20i8).prop_map(|it| Day(jiff::civil::date(2011, 1, it))),
        1 => Just(Day::FIRST),
        1 => Just(Day::LAST),
    ]
}
fn quantities() -> impl Strategy<Value = u64> {
    prop_oneof![12 => 1..30u64, 1 => Just(1_000_000_000), 1 => Just(999_999_999)]
}

fn batch_steps() -> impl Strategy<Value = Step> {
    let create = (batches(), skus(), quantities(), of(days()), of(days()));
    let create = create.prop_map(|(reference, sku, quantity, eta, expires)| {
        Step::Create(CreateBatch { reference, sku, quantity: units(quantity), eta, expires })
    });
    let levels = prop_oneof![1 => Just(0), 6 => quantities()];
    let levels = levels.prop_map(|it| Level::new(it).unwrap());
    let tags = prop_oneof![
        8 => Just(vec![]),
        1 => Just(vec!["b1".to_owned()]),
        1 => Just(vec!["plan-7".to_owned(), "b2".to_owned()]),
    ];
    let change = (batches(), of(levels), of(of(days())), tags.clone());
    let change = change.prop_map(|(reference, quantity, eta, if_match)| {
        let reason = "\u{1F4A7}".repeat(201);
        Step::Change(ChangeBatch { reference, quantity, eta, reason, if_match })
    });
    let close = (batches(), tags).prop_map(|(reference, if_match)| {
        Step::Close(CloseBatch { reference, reason: String::new(), if_match })
    });
    prop_oneof![4 => create, 5 => change, 1 => close]
}

fn line_steps() -> impl Strategy<Value = Step> {
    let allocate = (orders(), of(lines()), skus(), quantities(), of(days()), 0..10u64);
    let allocate = (allocate, any::<bool>()).prop_map(|(it, queue)| {
        let (order_id, line_id, sku, quantity, need_by, level) = it;
        let short = if queue { WhenShort::Queue } else { WhenShort::Reject };
        let (quantity, priority) = (units(quantity), priority(level));
        Step::Allocate(Allocate { order_id, line_id, sku, quantity, need_by, priority, short })
    });
    let name = || (orders(), lines(), of(skus()));
    let deallocate = name().prop_map(|(order_id, line_id, sku)| {
        Step::Deallocate(Deallocate { order_id, line_id, sku, reason: "cancelled".into() })
    });
    let ship = (name(), of(quantities())).prop_map(|((order_id, line_id, sku), quantity)| {
        Step::Ship(Ship { order_id, line_id, sku, quantity: quantity.map(units) })
    });
    let returns = (name(), 1..9u64, any::<bool>(), of(batches()));
    let returns = returns.prop_map(|((order_id, line_id, sku), quantity, restock, batch)| {
        let disposition = if restock { Disposition::Restock } else { Disposition::WriteOff };
        let quantity = units(quantity);
        Step::Return(Return { order_id, line_id, sku, quantity, disposition, batch })
    });
    prop_oneof![10 => allocate, 3 => deallocate, 4 => ship, 2 => returns]
}

fn hold_steps() -> impl Strategy<Value = Step> {
    let line = (of(lines()), skus(), quantities());
    let line = line.prop_map(|(line_id, sku, quantity)| HoldLine {
        line_id,
        sku,
        quantity: units(quantity),
        need_by: None,
        priority: Priority::default(),
        if_unavailable: IfUnavailable::default(),
    });
    let lines = proptest::collection::vec(line, 0..3);
    let ttl = prop_oneof![Just(0u32), Just(3_600), Just(200_000), Just(u32::MAX)];
    let hold = (orders(), lines, ttl)
        .prop_map(|(order_id, lines, ttl_s)| Step::Hold(Hold { order_id, lines, ttl_s }));
    let confirm = orders().prop_map(|order_id| Step::Confirm(ConfirmHold { order_id }));
    let release = orders().prop_map(|order_id| Step::Release(ReleaseHold { order_id }));
    prop_oneof![3 => hold, 1 => confirm, 1 => release]
}

pub(super) fn steps(steps_max: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => batch_steps(),
        12 => line_steps(),
        4 => hold_steps(),
        2 => (0..60i64).prop_map(Step::PassHours),
        1 => Just(Step::Sweep),
    ];
    proptest::collection::vec(step, 0..steps_max)
}

impl Step {
    /// Runs the step after a dry run, which must have the same result and store nothing.
    pub(super) fn play(&self, world: &World) -> StepResult {
        match self.clone() {
            Self::Create(it) => after_dry_run(world, it, |answer| Some(answer.moved.clone())),
            Self::Change(it) => after_dry_run(world, it, |answer| Some(answer.moved.clone())),
            Self::Close(it) => after_dry_run(world, it, |answer| Some(answer.moved.clone())),
            Self::Allocate(it) => after_dry_run(world, it, |_| None),
            Self::Deallocate(it) => after_dry_run(world, it, |answer| Some(answer.moved.clone())),
            Self::Ship(it) => after_dry_run(world, it, |answer| Some(answer.moved.clone())),
            Self::Return(it) => after_dry_run(world, it, |answer| Some(answer.moved.clone())),
            // A dry run checks each line alone: two lines of one SKU do not affect each other.
            Self::Hold(it) if it.lines.len() > 1 => once(world, it, |_| None),
            Self::Hold(it) => after_dry_run(world, it, |_| None),
            Self::Confirm(it) => after_dry_run(world, it, |_| None),
            Self::Release(it) => once(world, it, |_| None),
            Self::PassHours(hours) => {
                world.advance_hours(hours);
                StepResult { text: String::new(), moved: None }
            }
            Self::Sweep => {
                // The number of timers is not compared: a timer may run again after a restart.
                world.sweep();
                StepResult { text: String::new(), moved: None }
            }
        }
    }
}

fn once<C: Command>(
    world: &World,
    command: C,
    moved: impl Fn(&C::Answer) -> Option<Vec<MovedLine>>,
) -> StepResult {
    let done = world.send(command);
    let moved = done.as_ref().ok().and_then(moved);
    StepResult { text: format!("{done:?}"), moved }
}

fn after_dry_run<C: Command>(
    world: &World,
    command: C,
    moved: impl Fn(&C::Answer) -> Option<Vec<MovedLine>>,
) -> StepResult {
    let head = world.head();
    let (dry_run, _) = world.dry_run(command.clone());
    assert_eq!(world.head(), head, "a dry run stores nothing: {command:?}");
    let result = once(world, command, moved);
    assert_eq!(format!("{:?}", dry_run.ending), result.text, "as in the dry run");
    result
}
