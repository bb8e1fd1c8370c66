//! What always holds, whatever is commanded: checked after every step of random scripts.

use std::collections::BTreeMap;

use earmark_contracts::allocation::MovedLine;
use earmark_contracts::values::BatchReference;
use earmark_kernel::Aggregate;
use proptest::prelude::*;

use super::super::batch_totals::Line;
use super::script::{Said, Step, steps};
use super::{LineKey, Place, Stock, World, sku};

/// Follows the log of a world and checks what it sees.
#[derive(Default)]
struct Watch {
    seen: u64,
    stocks: BTreeMap<String, Stock>,
}

/// The batch that a line is in, or left whole.
fn place(line: &Line) -> Option<BatchReference> {
    match &line.place {
        Place::In { batch, .. } | Place::Shipped { batch } => Some(batch.clone()),
        _ => None,
    }
}

impl Watch {
    fn follow(&mut self, world: &World) {
        for told in world.told(self.seen) {
            self.seen = told.seq;
            self.stocks.entry(told.sku).or_default().evolve(&told.event);
        }
    }

    fn places(&self) -> BTreeMap<(String, LineKey), (Line, Option<BatchReference>)> {
        let mut places = BTreeMap::new();
        for (name, stock) in &self.stocks {
            for (key, line) in stock.all_lines() {
                places.insert((name.clone(), key.clone()), (line.clone(), place(line)));
            }
        }
        places
    }

    fn step(&mut self, world: &World, step: &Step) -> Said {
        let before = self.places();
        let said = step.play(world);
        self.follow(world);
        for (name, stock) in &self.stocks {
            stock.check().unwrap();
            world.check_short(name, stock);
            for totals in stock.all_totals() {
                assert_eq!(world.state(&totals.reference.0), totals.state(&sku(name)));
            }
        }
        if let Some(moved) = &said.moved {
            let mut moved = moved.clone();
            let mut expected = self.moved(&before, step);
            moved.sort_by_key(order);
            expected.sort_by_key(order);
            assert_eq!(moved, expected, "{step:?}");
        }
        said
    }

    /// The lines that are elsewhere than before, but for one that was released.
    fn moved(
        &self,
        before: &BTreeMap<(String, LineKey), (Line, Option<BatchReference>)>,
        step: &Step,
    ) -> Vec<MovedLine> {
        let commanded = |key: &LineKey| match step {
            Step::Deallocate(it) => it.order_id == key.order_id && it.line_id == key.line_id,
            _ => false,
        };
        let mut moved = Vec::new();
        for ((name, key), (_, from)) in before {
            let Some(line) = self.stocks[name].line(key) else { continue };
            let to = place(line);
            if to != *from && !commanded(key) {
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
    fn what_must_hold_holds_after_every_step(steps in steps(60)) {
        let (world, mut watch) = (World::new(), Watch::default());
        for step in &steps {
            watch.step(&world, step);
        }
        world.check();
    }

    #[test]
    fn restarts_change_nothing(
        steps in steps(40),
        restarts in proptest::collection::btree_map(0..40usize, any::<bool>(), 1..4),
    ) {
        let straight = World::new();
        let mut broken = World::new();
        for (number, step) in steps.iter().enumerate() {
            if let Some(flushed) = restarts.get(&number) {
                broken = broken.restarted(*flushed);
            }
            prop_assert_eq!(step.play(&straight), step.play(&broken));
        }
        let told = |world: &World| format!("{:?}", world.told(0));
        prop_assert_eq!(told(&straight), told(&broken));
        broken.restarted(true).check();
    }

    #[test]
    fn the_same_commands_write_the_same_bytes(steps in steps(30)) {
        let bytes = || {
            let world = World::new();
            steps.iter().for_each(|step| drop(step.play(&world)));
            let records = world.bus.records("allocation", 0, 0, u64::MAX).unwrap();
            records.into_iter().map(|it| (it.at_ms, it.events)).collect::<Vec<_>>()
        };
        prop_assert_eq!(bytes(), bytes());
    }
}
