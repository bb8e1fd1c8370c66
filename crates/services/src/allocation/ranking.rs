//! Lines in the order in which they are served: who comes first, who loses first, who fits.
//!
//! Lines stand apart by the last day on which they are of use, and by rank within each day. Looking
//! for a line that fits looks at one path for each day, never at all lines of a hot SKU.

use std::sync::Arc;

use earmark_contracts::values::Day;
use smallvec::SmallVec;

use super::line_index::KeyedLine;
use super::tree::Tree;

/// A line's place in the order of service: the least is served first and loses last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// Held lines come after confirmed ones.
    pub(super) held: bool,
    /// The highest priority less the line's.
    pub(super) unimportance: u8,
    /// Lines of one priority come in the order in which they were accepted.
    pub(super) number: u32,
}

/// A ranked line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) rank: Rank,
    /// Units wanted.
    pub(super) quantity: u32,
    pub(super) line: Arc<KeyedLine>,
}

/// What a line must be like to be found.
#[derive(Clone, Copy, Debug)]
pub(super) struct FitCriteria {
    /// It wants at most so many units.
    pub(super) available: u32,
    /// It is still of use on this day.
    pub(super) day: Day,
    /// It is of no use any more on this day.
    pub(super) too_late: Option<Day>,
}

/// Lines in the order in which they are served; those of use for ever stand under the last day. A
/// clone shares them.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranking {
    /// Sorted; most have one day, which stands here, and there are as many of these as batches.
    days: SmallVec<[(Day, Tree); 1]>,
}

impl Ranking {
    pub(super) fn insert(&mut self, need_by: Option<Day>, entry: Entry) {
        let day = need_by.unwrap_or(Day::LAST);
        let place = self.place(day).unwrap_or_else(|place| {
            self.days.insert(place, (day, Tree::default()));
            place
        });
        self.days[place].1.insert(entry);
    }

    pub(super) fn remove(&mut self, need_by: Option<Day>, rank: Rank) -> Option<Entry> {
        let place = self.place(need_by.unwrap_or(Day::LAST)).ok()?;
        let lines = &mut self.days[place].1;
        let removed = lines.remove(rank);
        if lines.quantity_min().is_none() {
            self.days.remove(place);
        }
        removed
    }

    /// The line that is served first among those that fit.
    pub(super) fn first_fit(&self, fit: &FitCriteria) -> Option<&Entry> {
        let from = self.days.partition_point(|(day, _)| *day < fit.day);
        let in_time = self.days[from..].iter();
        let days = in_time.take_while(|(day, _)| fit.too_late.is_none_or(|late| *day < late));
        let firsts = days.filter_map(|(_, lines)| lines.first_within(fit.available));
        firsts.min_by_key(|entry| entry.rank)
    }

    /// The line that loses first, of those that lose after `after`.
    pub(super) fn loses_after(&self, after: Option<Rank>) -> Option<&Entry> {
        let lasts = self.days.iter().filter_map(|(_, lines)| lines.last_before(after));
        lasts.max_by_key(|entry| entry.rank)
    }

    /// All lines, first served first.
    pub(super) fn all(&self) -> Vec<&Entry> {
        let mut all = Vec::new();
        self.days.iter().for_each(|(_, lines)| lines.collect(&mut all));
        all.sort_by_key(|entry| entry.rank);
        all
    }

    fn place(&self, day: Day) -> Result<usize, usize> {
        self.days.binary_search_by_key(&day, |(day, _)| *day)
    }
}
