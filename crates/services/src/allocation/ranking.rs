//! Lines in rank order: which line gets stock first, which loses it first, and which fits.
//!
//! Lines are grouped by their `need_by` day and ranked within each day. A search for a line that
//! fits follows one path in the tree of each day; it never visits all lines of a hot SKU.

use std::sync::Arc;

use earmark_contracts::values::Day;
use smallvec::SmallVec;

use super::line_index::KeyedLine;
use super::tree::Tree;

/// The rank of a line: the line with the smallest rank gets stock first and loses it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// Held lines rank after confirmed ones.
    pub(super) held: bool,
    /// The maximum priority minus the priority of the line.
    pub(super) inverse_priority: u8,
    /// The number of the line, by which lines of one priority rank in order of acceptance.
    pub(super) number: u32,
}

/// A ranked line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) rank: Rank,
    /// Units that are not shipped yet.
    pub(super) quantity: u32,
    pub(super) line: Arc<KeyedLine>,
}

/// Criteria for the search of a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct FitCriteria {
    /// The line needs at most this number of units.
    pub(super) available: u32,
    /// The line's `need_by` day is not before this day.
    pub(super) day: Day,
    /// The line's `need_by` day is before this day, if one is given.
    pub(super) too_late: Option<Day>,
}

/// Lines in rank order, grouped by `need_by` day; lines without one have the latest day. Clones
/// share the lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranking {
    /// Sorted by day. Most rankings have one day, which is stored inline: there is a ranking for
    /// each batch.
    days: SmallVec<[(Day, Tree); 1]>,
}

impl Ranking {
    pub(super) fn insert(&mut self, need_by: Option<Day>, entry: Entry) {
        let day = need_by.unwrap_or(Day::LAST);
        let index = self.index(day).unwrap_or_else(|index| {
            self.days.insert(index, (day, Tree::default()));
            index
        });
        self.days[index].1.insert(entry);
    }

    pub(super) fn remove(&mut self, need_by: Option<Day>, rank: Rank) -> Option<Entry> {
        let index = self.index(need_by.unwrap_or(Day::LAST)).ok()?;
        let lines = &mut self.days[index].1;
        let removed = lines.remove(rank);
        if lines.quantity_min().is_none() {
            self.days.remove(index);
        }
        removed
    }

    /// The first line in rank order that meets the criteria.
    pub(super) fn first_fit(&self, fit: &FitCriteria) -> Option<&Entry> {
        let from = self.days.partition_point(|(day, _)| *day < fit.day);
        let in_time = self.days[from..].iter();
        let days = in_time.take_while(|(day, _)| fit.too_late.is_none_or(|late| *day < late));
        let firsts = days.filter_map(|(_, lines)| lines.first_within(fit.available));
        firsts.min_by_key(|entry| entry.rank)
    }

    /// The last line before a rank; the last of all without one.
    pub(super) fn last_before(&self, rank: Option<Rank>) -> Option<&Entry> {
        let lasts = self.days.iter().filter_map(|(_, lines)| lines.last_before(rank));
        lasts.max_by_key(|entry| entry.rank)
    }

    /// All lines, in rank order.
    pub(super) fn all(&self) -> Vec<&Entry> {
        let mut all = Vec::new();
        self.days.iter().for_each(|(_, lines)| lines.collect(&mut all));
        all.sort_by_key(|entry| entry.rank);
        all
    }

    fn index(&self, day: Day) -> Result<usize, usize> {
        self.days.binary_search_by_key(&day, |(day, _)| *day)
    }
}
