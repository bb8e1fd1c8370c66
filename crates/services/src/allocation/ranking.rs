//! Lines in the order in which they are served: who comes first, who loses first, who fits.
//!
//! A sorted list in chunks; each chunk knows the smallest quantity and the range of need-by days in
//! it, so that looking for a line that fits passes over whole chunks. With n lines every operation
//! costs about the square root of n, so no command walks all lines of a hot SKU.

use std::sync::Arc;

use earmark_contracts::values::Day;

use super::events::LineKey;

/// A chunk is cut in two when it grows beyond this.
const CHUNK_MAX: usize = 256;

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
    /// The last day on which the line is of use.
    pub(super) need_by: Option<Day>,
    pub(super) key: LineKey,
}

/// What a line must be like to be found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit {
    /// It wants at most so many units.
    pub(super) available: u32,
    /// It is still of use on this day.
    pub(super) day: Day,
    /// It is of no use any more on this day.
    pub(super) too_late: Option<Day>,
}

impl Fit {
    fn takes(&self, entry: &Entry) -> bool {
        entry.quantity <= self.available
            && entry.need_by.is_none_or(|need_by| need_by >= self.day)
            && self.too_late.is_none_or(|day| entry.need_by.is_some_and(|need_by| need_by < day))
    }
}

#[derive(Clone, Debug)]
struct Chunk {
    entries: Vec<Entry>,
    quantity_min: u32,
    /// No entry is of use after this day; none: some are of use for ever.
    need_by_max: Option<Day>,
    /// No entry's need-by day is before this; none: no entry has one.
    need_by_min: Option<Day>,
}

impl Chunk {
    fn of(entries: Vec<Entry>) -> Self {
        let mut chunk = Self { entries, quantity_min: 0, need_by_max: None, need_by_min: None };
        chunk.measure();
        chunk
    }

    fn measure(&mut self) {
        let entries = &self.entries;
        self.quantity_min = entries.iter().map(|it| it.quantity).min().unwrap_or(u32::MAX);
        self.need_by_min = entries.iter().filter_map(|it| it.need_by).min();
        let forever = entries.iter().any(|it| it.need_by.is_none());
        self.need_by_max =
            if forever { None } else { entries.iter().filter_map(|it| it.need_by).max() };
    }

    fn admit(&mut self, entry: &Entry) {
        self.quantity_min = self.quantity_min.min(entry.quantity);
        match entry.need_by {
            None => self.need_by_max = None,
            Some(day) => {
                self.need_by_max = self.need_by_max.map(|max| max.max(day));
                self.need_by_min = Some(self.need_by_min.map_or(day, |min| min.min(day)));
            }
        }
    }

    fn may_hold(&self, fit: &Fit) -> bool {
        self.quantity_min <= fit.available
            && self.need_by_max.is_none_or(|max| max >= fit.day)
            && fit.too_late.is_none_or(|day| self.need_by_min.is_some_and(|min| min < day))
    }
}

/// Lines in the order in which they are served. A clone shares the chunks.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranking {
    chunks: Vec<Arc<Chunk>>,
}

impl Ranking {
    pub(super) fn insert(&mut self, entry: Entry) {
        let place = self.chunk_for(entry.rank);
        let Some(chunk) = self.chunks.get_mut(place) else {
            self.chunks.push(Arc::new(Chunk::of(vec![entry])));
            return;
        };
        let chunk = Arc::make_mut(chunk);
        chunk.admit(&entry);
        let at = chunk.entries.partition_point(|it| it.rank < entry.rank);
        chunk.entries.insert(at, entry);
        if chunk.entries.len() > CHUNK_MAX {
            let upper = chunk.entries.split_off(CHUNK_MAX / 2);
            chunk.measure();
            self.chunks.insert(place + 1, Arc::new(Chunk::of(upper)));
        }
    }

    pub(super) fn remove(&mut self, rank: Rank) -> Option<Entry> {
        let place = self.chunk_for(rank);
        let chunk = Arc::make_mut(self.chunks.get_mut(place)?);
        let at = chunk.entries.binary_search_by_key(&rank, |it| it.rank).ok()?;
        let entry = chunk.entries.remove(at);
        let bound = entry.quantity == chunk.quantity_min
            || entry.need_by.is_none()
            || entry.need_by == chunk.need_by_max
            || entry.need_by == chunk.need_by_min;
        if chunk.entries.is_empty() {
            self.chunks.remove(place);
        } else if bound {
            chunk.measure();
        }
        Some(entry)
    }

    /// The line that is served first among those that fit.
    pub(super) fn first_fit(&self, fit: &Fit) -> Option<&Entry> {
        let chunks = self.chunks.iter().filter(|chunk| chunk.may_hold(fit));
        chunks.flat_map(|chunk| &chunk.entries).find(|entry| fit.takes(entry))
    }

    /// All lines, first served first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.chunks.iter().flat_map(|chunk| &chunk.entries)
    }

    /// The chunk that holds or would hold a rank; past the end only when there is no chunk.
    fn chunk_for(&self, rank: Rank) -> usize {
        let last_below = |chunk: &Arc<Chunk>| chunk.entries.last().is_some_and(|it| it.rank < rank);
        self.chunks.partition_point(last_below).min(self.chunks.len().saturating_sub(1))
    }
}
