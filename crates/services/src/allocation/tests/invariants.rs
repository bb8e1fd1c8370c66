//! Invariants, checked after every step of random scripts.

use std::collections::BTreeMap;

use earmark_contracts::allocation::MovedLine;
use earmark_contracts::values::BatchReference;
use earmark_kernel::Aggregate;
use proptest::prelude::*;

use super::script::{Step, StepResult, steps};
use super::{World, sku};
use crate::allocation::{Line, LineKey, LineStatus, Stock};

/// Follows the log of a world and checks every step.
#[derive(Default)]
struct Watcher {
    seen: u64,
    stocks: BTreeMap<String, Stock>,
}

/// The batch to which a line is allocated or from which it was shipped completely.
fn batch_of(line: &Line) -> Option<BatchReference> {
    match &line.status {
        LineStatus::Allocated { batch, .. } | LineStatus::Shipped { batch } => Some(batch.clone()),
        _ => None,
    }
}

impl Watcher {
    fn follow(&mut self, world: &World) {
        for logged in world.events(self.seen) {
            self.seen = logged.seq;
            self.stocks.entry(logged.key).or_default().evolve(&logged.event);
        }
    }

    fn lines(&self) -> BTreeMap<(String, LineKey), (Line, Option<BatchReference>)> {
        let mut lines = BTreeMap::new();
        for (name, stock) in &self.stocks {
            for (key, line) in stock.all_lines() {
                lines.insert((name.clone(), key.clone()), (line.clone(), batch_of(line)));
            }
        }
        lines
    }

    fn step(&mut self, world: &World, step: &Step) -> StepResult {
        let before = self.lines();
        let result = step.play(world);
        self.follow(world);
        for (name, stock) in &self.stocks {
            stock.check().unwrap();
            world.check_short_lines(name, stock);
            for totals in stock.all_totals() {
                assert_eq!(world.state(&totals.reference.0), totals.state(&sku(name)));
            }
        }
        if let Some(moved) = &result.moved {
            let mut moved = moved.clone();
            let mut expected = self.moved(&before, step);
            moved.sort_by_key(order);
            expected.sort_by_key(order);
            assert_eq!(moved, expected, "{step:?}");
        }
        result
    }

    /// The lines whose batch differs from before, except the one that the step released.
    fn moved(
        &self,
        before: &BTreeMap<(String, LineKey), (Line, Option<BatchReference>)>,
        step: &Step,
    ) -> Vec<MovedLine> {
        let is_released = |key: &LineKey| match step {
            Step::Deallocate(it) => it.order_id == key.order_id && it.line_id == key.line_id,
            _ => false,
        };
        let mut moved = Vec::new();
        for ((name, key), (_, from)) in before {
            let Some(line) = self.stocks[name].line(key) else { continue };
            let to = batch_of(line);
            if to != *from && !is_released(key) {
                let (order_id, line_id) = (key.order_id.clone(), key.line_id.clone());
                moved.push(MovedLine { order_id, line_id, from: from.clone(), to });
            }
        }
        moved
    }
}

fn order(moved: &MovedLine) -> (String, String) {
    (moved.order_id.0.to_string(), moved.line_id.0.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_invariants_hold_after_every_step(steps in steps(60)) {
        let (world, mut watcher) = (World::allocation(), Watcher::default());
        for step in &steps {
            watcher.step(&world, step);
        }
        world.check();
    }

    #[test]
    fn restarts_change_nothing(
        steps in steps(40),
        restarts in proptest::collection::btree_map(0..40usize, any::<bool>(), 1..4),
    ) {
        let straight = World::allocation();
        let mut restarted = World::allocation();
        for (number, step) in steps.iter().enumerate() {
            if let Some(flushed) = restarts.get(&number) {
                restarted = restarted.restarted(*flushed);
            }
            prop_assert_eq!(step.play(&straight), step.play(&restarted));
        }
        let events = |world: &World| format!("{:?}", world.events(0));
        prop_assert_eq!(events(&straight), events(&restarted));
        restarted.restarted(true).check();
    }

    #[test]
    fn the_same_commands_write_the_same_bytes(steps in steps(30)) {
        let bytes = || {
            let world = World::allocation();
            steps.iter().for_each(|step| drop(step.play(&world)));
            let records = world.bus.records("allocation", 0, 0, u64::MAX).unwrap();
            records.into_iter().map(|it| (it.at_ms, it.events)).collect::<Vec<_>>()
        };
        prop_assert_eq!(bytes(), bytes());
    }
}
