//! The families of faults: what may go wrong in a run, each switched on or off.

use crate::dice::Dice;

/// One kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The process dies with its power, and starts again.
    Crashes,
    /// Commits fail; nothing is written.
    FailedCommits,
    /// The disk is full for some commits.
    FullDisk,
    /// The outcome of a commit is not known; the writer stops.
    UnknownCommits,
    /// A crash takes back flushes of the views.
    LostFlushes,
    /// Views cannot be written.
    FlushFailures,
    /// Log and views cannot be read for a moment.
    ReadFailures,
    /// Clients hang up, or are cut off with what they were doing.
    Disconnects,
    /// Views are flushed seldom and timers looked at seldom.
    SlowViews,
    /// The clock jumps ahead by days, or back.
    ClockJumps,
    /// Everybody wants the same SKU, for longer.
    HotSku,
    /// Few commands may wait, and groups are small.
    TinyQueue,
    /// A handler breaks on some messages.
    BrokenHandlers,
}

/// All of them, with their names.
pub const ALL: [(Family, &str); 13] = [
    (Family::Crashes, "crashes"),
    (Family::FailedCommits, "failed-commits"),
    (Family::FullDisk, "full-disk"),
    (Family::UnknownCommits, "unknown-commits"),
    (Family::LostFlushes, "lost-flushes"),
    (Family::FlushFailures, "flush-failures"),
    (Family::ReadFailures, "read-failures"),
    (Family::Disconnects, "disconnects"),
    (Family::SlowViews, "slow-views"),
    (Family::ClockJumps, "clock-jumps"),
    (Family::HotSku, "hot-sku"),
    (Family::TinyQueue, "tiny-queue"),
    (Family::BrokenHandlers, "broken-handlers"),
];

/// Some families.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Families(u16);

impl Families {
    /// Nothing goes wrong.
    pub const NONE: Self = Self(0);

    /// The families that a seed switches on: none in one of sixteen seeds, all in another, else
    /// each in two of five.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let mut dice = Dice::new(seed, "families");
        match dice.below(16) {
            0 => Self::NONE,
            1 => ALL.iter().fold(Self::NONE, |all, (family, _)| all.with(*family)),
            _ => {
                let mut on = ALL.iter().filter(|_| dice.chance(40));
                on.by_ref().fold(Self::NONE, |some, (family, _)| some.with(*family))
            }
        }
    }

    /// These and one more.
    #[must_use]
    pub fn with(self, family: Family) -> Self {
        Self(self.0 | 1 << family as u16)
    }

    /// These without one.
    #[must_use]
    pub fn without(self, family: Family) -> Self {
        Self(self.0 & !(1 << family as u16))
    }

    /// Whether a family is among them.
    #[must_use]
    pub fn has(self, family: Family) -> bool {
        self.0 & (1 << family as u16) != 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Family> {
        ALL.iter().map(|(family, _)| *family).filter(move |family| self.has(*family))
    }

    /// Reads names, separated by commas; `none` or nothing is none.
    ///
    /// # Errors
    /// The name that is none.
    pub fn parse(names: &str) -> Result<Self, String> {
        let mut families = Self::NONE;
        for name in names.split(',').filter(|name| !name.is_empty() && *name != "none") {
            let found = ALL.iter().find(|(_, known)| *known == name);
            families = families.with(found.ok_or_else(|| name.to_owned())?.0);
        }
        Ok(families)
    }

    /// The names, as [`Families::parse`] reads them.
    #[must_use]
    pub fn names(self) -> String {
        let on = ALL.iter().filter(|(family, _)| self.has(*family));
        let names: Vec<&str> = on.map(|(_, name)| *name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(",") }
    }
}
