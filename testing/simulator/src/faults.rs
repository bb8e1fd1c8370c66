//! The families of faults: what may go wrong in a run, each switched on or off.

use crate::rng::Rng;

/// One kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
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
pub const ALL: [(FaultKind, &str); 13] = [
    (FaultKind::Crashes, "crashes"),
    (FaultKind::FailedCommits, "failed-commits"),
    (FaultKind::FullDisk, "full-disk"),
    (FaultKind::UnknownCommits, "unknown-commits"),
    (FaultKind::LostFlushes, "lost-flushes"),
    (FaultKind::FlushFailures, "flush-failures"),
    (FaultKind::ReadFailures, "read-failures"),
    (FaultKind::Disconnects, "disconnects"),
    (FaultKind::SlowViews, "slow-views"),
    (FaultKind::ClockJumps, "clock-jumps"),
    (FaultKind::HotSku, "hot-sku"),
    (FaultKind::TinyQueue, "tiny-queue"),
    (FaultKind::BrokenHandlers, "broken-handlers"),
];

/// Some faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultSet(u16);

impl FaultSet {
    /// Nothing goes wrong.
    pub const NONE: Self = Self(0);

    /// The faults that a seed switches on: none in one of sixteen seeds, all in another, else
    /// each in two of five.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let mut rng = Rng::new(seed, "faults");
        match rng.below(16) {
            0 => Self::NONE,
            1 => ALL.iter().fold(Self::NONE, |all, (fault, _)| all.with(*fault)),
            _ => {
                let mut on = ALL.iter().filter(|_| rng.chance(40));
                on.by_ref().fold(Self::NONE, |some, (fault, _)| some.with(*fault))
            }
        }
    }

    /// These and one more.
    #[must_use]
    pub fn with(self, fault: FaultKind) -> Self {
        Self(self.0 | 1 << fault as u16)
    }

    /// These without one.
    #[must_use]
    pub fn without(self, fault: FaultKind) -> Self {
        Self(self.0 & !(1 << fault as u16))
    }

    /// Whether a fault is among them.
    #[must_use]
    pub fn has(self, fault: FaultKind) -> bool {
        self.0 & (1 << fault as u16) != 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = FaultKind> {
        ALL.iter().map(|(fault, _)| *fault).filter(move |fault| self.has(*fault))
    }

    /// Reads names, separated by commas; `none` or nothing is none.
    ///
    /// # Errors
    /// The name that is none.
    pub fn parse(names: &str) -> Result<Self, String> {
        let mut faults = Self::NONE;
        for name in names.split(',').filter(|name| !name.is_empty() && *name != "none") {
            let found = ALL.iter().find(|(_, known)| *known == name);
            faults = faults.with(found.ok_or_else(|| name.to_owned())?.0);
        }
        Ok(faults)
    }

    /// The names, as [`FaultSet::parse`] reads them.
    #[must_use]
    pub fn names(self) -> String {
        let on = ALL.iter().filter(|(fault, _)| self.has(*fault));
        let names: Vec<&str> = on.map(|(_, name)| *name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(",") }
    }
}
