//! The ranking equals a sorted list after any sequence of steps.

use std::sync::Arc;

use earmark_contracts::values::{Day, Priority};
use proptest::prelude::*;

use super::key;
use crate::allocation::events::{Queued, StockEvent};
use crate::allocation::line::Line;
use crate::allocation::line_index::KeyedLine;
use crate::allocation::ranking::{Entry, FitCriteria, Rank, Ranking};

#[derive(Clone, Debug)]
enum Step {
    Insert {
        rank: (bool, u8),
        quantity: u32,
        need_by: Option<u8>,
    },
    /// Remove the line at this index, modulo the number of lines.
    Remove(usize),
    Find {
        available: u32,
        day: u8,
        too_late: Option<u8>,
    },
    /// Keep a copy of the current state.
    Copy,
}

fn day(number: u8) -> Day {
    Day(jan(number))
}

fn jan(number: u8) -> jiff::civil::Date {
    jiff::civil::date(2011, 1, 1 + i8::try_from(number % 8).unwrap())
}

fn step() -> impl Strategy<Value = Step> {
    let insert = ((any::<bool>(), 0..3u8), 1..40u32, proptest::option::of(0..8u8));
    let insert =
        insert.prop_map(|(rank, quantity, need_by)| Step::Insert { rank, quantity, need_by });
    let find = (0..45u32, 0..8u8, proptest::option::of(0..8u8));
    let find = find.prop_map(|(available, day, too_late)| Step::Find { available, day, too_late });
    prop_oneof![
        6 => insert,
        3 => any::<usize>().prop_map(Step::Remove),
        1 => find,
        1 => Just(Step::Copy),
    ]
}

/// The expected ranking: entries in rank order, each with its `need_by` day.
type Plain = Vec<(Option<Day>, Entry)>;

fn find<'a>(plain: &'a Plain, fit: &FitCriteria) -> Option<&'a Entry> {
    let fits = |(need_by, entry): &&(Option<Day>, Entry)| {
        let too_late = |late| need_by.is_some_and(|need_by| need_by < late);
        entry.quantity <= fit.available
            && need_by.is_none_or(|need_by| need_by >= fit.day)
            && fit.too_late.is_none_or(too_late)
    };
    plain.iter().find(fits).map(|(_, entry)| entry)
}

fn keyed_line(quantity: u32, number: u32) -> Arc<KeyedLine> {
    let key = key("o", &number.to_string());
    let (line, priority) = (key.clone(), Priority::default());
    let queued =
        StockEvent::Queued(Queued { line, quantity, need_by: None, priority, reservation: None });
    Arc::new(KeyedLine { key, line: Line::accepted(&queued, number).unwrap() })
}

fn equal(ranking: &Ranking, plain: &Plain) {
    let all: Vec<&Entry> = plain.iter().map(|(_, entry)| entry).collect();
    assert_eq!(ranking.all(), all);
    let (mut backwards, mut rank) = (Vec::new(), None);
    while let Some(entry) = ranking.last_before(rank) {
        rank = Some(entry.rank);
        backwards.push(entry);
    }
    backwards.reverse();
    assert_eq!(backwards, all);
}

fn play(steps: Vec<Step>) {
    let (mut ranking, mut plain) = (Ranking::default(), Plain::new());
    let mut copies = Vec::new();
    for (number, step) in (0..).zip(steps) {
        match step {
            Step::Insert { rank: (held, inverse_priority), quantity, need_by } => {
                let rank = Rank { held, inverse_priority, number };
                let need_by = need_by.map(day);
                let entry = Entry { rank, quantity, line: keyed_line(quantity, number) };
                let at = plain.partition_point(|(_, it)| it.rank < rank);
                ranking.insert(need_by, entry.clone());
                plain.insert(at, (need_by, entry));
            }
            Step::Remove(index) if !plain.is_empty() => {
                let (need_by, entry) = plain.remove(index % plain.len());
                assert_eq!(ranking.remove(need_by, entry.rank), Some(entry.clone()));
                assert_eq!(ranking.remove(need_by, entry.rank), None, "it was removed");
            }
            Step::Remove(_) => {}
            Step::Find { available, day: number, too_late } => {
                let fit = FitCriteria { available, day: day(number), too_late: too_late.map(day) };
                assert_eq!(ranking.first_fit(&fit), find(&plain, &fit));
            }
            Step::Copy => copies.push((ranking.clone(), plain.clone())),
        }
    }
    copies.truncate(3);
    copies.push((ranking, plain));
    copies.iter().for_each(|(ranking, plain)| equal(ranking, plain));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_ranking_equals_a_sorted_list(steps in proptest::collection::vec(step(), 0..600)) {
        play(steps);
    }
}

#[test]
fn a_large_ranking_grows_and_shrinks() {
    let insert = |number: u32| Step::Insert {
        rank: (false, u8::try_from(number % 3).unwrap()),
        quantity: 1 + number % 97,
        need_by: None,
    };
    let mut steps: Vec<Step> = (0..5_000).map(insert).collect();
    steps.push(Step::Copy);
    steps.extend((0..4_990).map(|number| Step::Remove(number * 7_919)));
    let found = |available| Step::Find { available, day: 0, too_late: None };
    steps.extend((0..100).map(found));
    play(steps);
}
