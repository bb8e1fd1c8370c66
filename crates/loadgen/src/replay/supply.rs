//! Supply for a known demand: an opening batch and weekly deliveries for every SKU.
//!
//! Reproducible: each SKU's deliveries are drawn from the seed and its own name, so they do not
//! depend on other SKUs. Some deliveries are short, late, damaged or cancelled.

use earmark_contracts::values::{BatchReference, Day, QUANTITY_MAX, Text};
use earmark_kernel::UnixMillis;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::orders::{Line, Orders};

const WEEK: i64 = 7;
const DAY_MS: i64 = 86_400_000;
/// A delivery is ordered on the last Monday that is at least this many days before it is due.
const KNOWN_DAYS_BEFORE: i64 = 14;

/// A batch of the plan.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// Index into [`Orders::skus`].
    pub sku: u32,
    /// Number of the delivery of its SKU; 0 is the opening batch.
    pub number: u32,
    pub quantity: u32,
    /// The day it is due; none if it is in the warehouse from the beginning.
    pub eta: Option<i64>,
}

/// A change of a batch on a day.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Days since the epoch.
    pub day: i64,
    pub turn: Turn,
    /// Index into [`Plan::batches`].
    pub batch: u32,
}

/// A change of a batch. Changes of one day are made in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// The supplier announces a later day.
    Slips { eta: i64 },
    /// The supplier announces a smaller quantity.
    Shrinks { quantity: u32 },
    /// It arrives in the warehouse.
    Arrives,
    /// A part of it, already in the warehouse, is damaged.
    Spoils { quantity: u32 },
    /// The supplier cancels it.
    Closes,
    /// It is ordered from the supplier. `rank` counts the batches of one SKU ordered on one day.
    IsOrdered { rank: u8 },
}

/// All batches and their changes, day by day.
#[derive(Debug, Default)]
pub struct Plan {
    pub batches: Vec<Batch>,
    pub steps: Vec<Step>,
}

impl Plan {
    /// Derives the supply of the lines from a seed.
    pub fn derive(orders: &Orders, seed: u64) -> Self {
        let mut plan = Self::default();
        let (Some(first), Some(last)) = (orders.lines.first(), orders.lines.last()) else {
            return plan;
        };
        let days = (first.at.days_since_epoch(), last.at.days_since_epoch());
        let rhythms = orders.skus.iter().map(|sku| Rhythm::of(days.0, &sku.0));
        let rhythms: Vec<_> = rhythms.collect();
        let mut demand: Vec<(u32, i64, u64)> = orders
            .lines
            .iter()
            .map(|line| {
                let week = rhythms[line.sku as usize].week_of(day_of(line));
                (line.sku, week, u64::from(line.quantity.units()))
            })
            .collect();
        demand.sort_unstable();
        demand.dedup_by(|next, kept| {
            let same = (next.0, next.1) == (kept.0, kept.1);
            kept.2 += if same { next.2 } else { 0 };
            same
        });
        for weeks in demand.chunk_by(|a, b| a.0 == b.0) {
            let sku = weeks[0].0;
            let name = &orders.skus[sku as usize].0;
            let draws = Draws(xxh3_64_with_seed(name.as_bytes(), seed));
            let rhythm = rhythms[sku as usize];
            let weeks = weeks.iter().map(|(_, week, units)| (*week, *units));
            plan.supply(sku, weeks, rhythm, draws, days);
        }
        plan.steps.sort_unstable_by_key(|step| (step.day, step.turn, step.batch));
        plan
    }

    /// Batches that are created before the last line is sent.
    pub fn made(&self) -> u64 {
        let made = self.steps.iter().filter(|step| matches!(step.turn, Turn::IsOrdered { .. }));
        made.count() as u64
    }

    fn supply(
        &mut self,
        sku: u32,
        weeks: impl Iterator<Item = (i64, u64)>,
        rhythm: Rhythm,
        mut draws: Draws,
        (first_day, last_day): (i64, i64),
    ) {
        let (mut opened, mut last_made) = (None, (i64::MIN, 0));
        for (number, (week, units)) in (0..).zip(weeks) {
            let starts = rhythm.starts(week);
            let quantity = part(units, draws.between(100, 125));
            let eta = opened.map(|_| starts);
            let opening = *opened.get_or_insert_with(|| starts.max(first_day));
            let ordered = starts.max(opening + KNOWN_DAYS_BEFORE) - KNOWN_DAYS_BEFORE;
            let made = monday(ordered).max(first_day);
            let rank = if last_made.0 == made { last_made.1 + 1 } else { 0 };
            last_made = (made, rank);
            let batch = u32::try_from(self.batches.len()).expect("fewer batches than lines");
            self.batches.push(Batch { sku, number, quantity, eta });
            let mut turns = vec![(made, Turn::IsOrdered { rank })];
            if let Some(eta) = eta {
                turns.extend(changes(made, eta, quantity, &mut draws));
            }
            let in_time = turns.into_iter().filter(|(day, _)| *day <= last_day);
            self.steps.extend(in_time.map(|(day, turn)| Step { day, turn, batch }));
        }
    }

    /// The reference of a batch: `85123A-W07` is the seventh delivery of 85123A.
    pub fn reference(&self, orders: &Orders, batch: u32) -> BatchReference {
        let batch = &self.batches[batch as usize];
        let sku = &orders.skus[batch.sku as usize].0;
        let number = batch.number;
        let name = Text::parse(&format!("{}-W{number:02}", &**sku));
        // A SKU can be as long as a reference; then a hash replaces it.
        let hashed = || Text::parse(&format!("{:016x}-W{number:02}", xxh3_64(sku.as_bytes())));
        BatchReference(name.or_else(|_| hashed()).expect("short and plain"))
    }
}

/// The changes of a delivery that was ordered on the day `made` and is due on the day `eta`.
fn changes(made: i64, eta: i64, quantity: u32, draws: &mut Draws) -> Vec<(i64, Turn)> {
    let units = u64::from(quantity);
    let kind = draws.between(0, 100);
    let before = (eta - draws.between(1, 6)).max(made + 1);
    let (share, days) = (draws.between(40, 90), draws.between(1, 4));
    let quantity = part(units, share);
    let is_known_in_time = before < eta;
    match kind {
        0..6 if is_known_in_time => {
            vec![(before, Turn::Shrinks { quantity }), (eta, Turn::Arrives)]
        }
        6..13 if is_known_in_time => {
            let late = eta + draws.between(3, 13);
            vec![(before, Turn::Slips { eta: late }), (late, Turn::Arrives)]
        }
        13..18 => {
            vec![(eta, Turn::Arrives), (eta + days, Turn::Spoils { quantity })]
        }
        18..22 if is_known_in_time => vec![(before, Turn::Closes)],
        _ => vec![(eta, Turn::Arrives)],
    }
}

/// A percentage of the units, at least one, at most the largest quantity of a batch.
fn part(units: u64, percent: i64) -> u32 {
    let share = units.saturating_mul(percent.unsigned_abs()) / 100;
    u32::try_from(share.clamp(1, u64::from(QUANTITY_MAX))).unwrap_or(QUANTITY_MAX)
}

fn day_of(line: &Line) -> i64 {
    line.at.days_since_epoch()
}

/// The start of a day.
pub fn midnight(day: i64) -> UnixMillis {
    UnixMillis(day * DAY_MS)
}

/// A day in the contracts' type.
pub fn date(day: i64) -> Day {
    Day::of(midnight(day))
}

/// The last Monday on or before a day.
fn monday(day: i64) -> i64 {
    // The first of January 1970 was a Thursday.
    day - (day + 3).rem_euclid(WEEK)
}

/// The weekday on which a SKU is delivered.
#[derive(Clone, Copy)]
struct Rhythm {
    /// The first day of week 1; earlier days are week 0.
    first: i64,
}

impl Rhythm {
    /// The first delivery day after `first_day`; the SKU's name decides on Monday to Friday.
    fn of(first_day: i64, sku: &str) -> Self {
        let monday = monday(first_day);
        let weekday = i64::from(u8::try_from(xxh3_64(sku.as_bytes()) % 5).unwrap_or(0));
        let first = monday + weekday;
        let first = if first > first_day { first } else { first + WEEK };
        Self { first }
    }

    fn week_of(self, day: i64) -> i64 {
        (day - self.first).div_euclid(WEEK) + 1
    }

    fn starts(self, week: i64) -> i64 {
        self.first + (week - 1) * WEEK
    }
}

/// A sequence of pseudo-random numbers: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number of at least `low` and below `high`.
    fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = u64::try_from(high - low).expect("low is below high");
        low + i64::try_from(self.next() % width).expect("less than the width")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use earmark_contracts::values::{OrderId, Quantity, Sku};

    use super::*;

    const FIRST_DAY: i64 = 14_944;

    /// A year of one line a day, each SKU in turn.
    pub fn orders(skus: &[&str]) -> Orders {
        let text = |it: &str| Text::parse(it).unwrap();
        let line = |day: u32| Line {
            at: UnixMillis(midnight(FIRST_DAY + i64::from(day)).0 + 1),
            order: 0,
            sku: day % u32::try_from(skus.len()).unwrap(),
            place: day + 1,
            quantity: Quantity::new(10).unwrap(),
        };
        Orders {
            ids: vec![OrderId(text("o"))],
            skus: skus.iter().map(|it| Sku(text(it))).collect(),
            lines: (0..365).map(line).collect(),
            ..Orders::default()
        }
    }

    fn shown(plan: &Plan, orders: &Orders, sku: u32) -> Vec<String> {
        let of_sku = plan.steps.iter().filter(|it| plan.batches[it.batch as usize].sku == sku);
        let shown = of_sku.map(|it| {
            let Step { day, turn, batch } = it;
            format!("{day} {turn:?} {}", plan.reference(orders, *batch).0)
        });
        shown.collect()
    }

    #[test]
    fn the_supply_of_a_sku_depends_on_the_seed_alone() {
        let (one, three) = (orders(&["A"]), orders(&["A", "B", "C"]));
        let plan = Plan::derive(&three, 1);
        assert_eq!(shown(&plan, &three, 0), shown(&Plan::derive(&three, 1), &three, 0));
        assert_ne!(shown(&plan, &three, 0), shown(&Plan::derive(&three, 2), &three, 0));
        let alone = Plan::derive(&one, 1);
        let first = |plan: &Plan| plan.batches.iter().find(|it| it.sku == 0).map(|it| it.eta);
        assert_eq!(first(&alone), first(&plan));
    }

    #[test]
    fn a_batch_is_created_before_it_changes() {
        let orders = orders(&["A", "B", "C", "D", "E", "F", "G"]);
        let plan = Plan::derive(&orders, 7);
        let mut made = vec![None; plan.batches.len()];
        let mut turns = std::collections::BTreeSet::new();
        for step in &plan.steps {
            let day = &mut made[step.batch as usize];
            match step.turn {
                Turn::IsOrdered { .. } => assert_eq!(day.replace(step.day), None),
                other => {
                    assert!(day.is_some_and(|day| day < step.day), "{other:?}");
                    turns.insert(other == Turn::Closes);
                }
            }
        }
        assert_eq!(turns.len(), 2, "some are closed, others are not");
        let opening = plan.batches.iter().filter(|it| it.eta.is_none()).count();
        assert_eq!(opening, orders.skus.len());
    }

    #[test]
    fn the_longest_sku_has_distinct_references() {
        let long = "x".repeat(64);
        let orders = orders(&[&long]);
        let plan = Plan::derive(&orders, 1);
        assert!(plan.reference(&orders, 0).0.ends_with("-W00"));
        assert_ne!(plan.reference(&orders, 0), plan.reference(&orders, 1));
    }
}
