//! The kinds of faults, each of which a run switches on or off.

use crate::rng::Rng;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The process crashes with a loss of power and starts again.
    Crashes,
    /// Commits fail; nothing is written.
    FailedCommits,
    /// The disk is full for some commits.
    FullDisk,
    /// The outcome of a commit is unknown; the writer stops.
    UnknownCommits,
    /// A crash loses flushes of the views.
    LostFlushes,
    /// Views cannot be written.
    FlushFailures,
    /// Some reads of logs and views fail.
    ReadFailures,
    /// Clients disconnect; their commands continue or are dropped.
    Disconnects,
    /// Views are not flushed, and timers are checked less often.
    SlowViews,
    /// The clock jumps ahead by days, or back by hours.
    ClockJumps,
    /// All requests are about the same SKU, in a longer run.
    HotSku,
    /// The queue and the groups of the writer are small.
    TinyQueue,
    /// A handler panics for some messages.
    BrokenHandlers,
    /// Most requests are about the hold of one order.
    HotOrder,
}

/// All kinds, with their names.
pub const ALL_FAULTS: [(FaultKind, &str); 14] = [
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
    (FaultKind::HotOrder, "hot-order"),
];

/// A set of faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultSet(u16);

impl FaultSet {
    /// No faults.
    pub const NONE: Self = Self(0);

    /// The faults of a seed: none with a probability of 1/16, all with 1/16, otherwise each one
    /// with 40 %.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let mut rng = Rng::new(seed, "faults");
        match rng.below(16) {
            0 => Self::NONE,
            1 => ALL_FAULTS.iter().fold(Self::NONE, |all, (fault, _)| all.with(*fault)),
            _ => {
                let mut on = ALL_FAULTS.iter().filter(|_| rng.chance(40));
                on.by_ref().fold(Self::NONE, |some, (fault, _)| some.with(*fault))
            }
        }
    }

    /// This set with one more fault.
    #[must_use]
    pub fn with(self, fault: FaultKind) -> Self {
        Self(self.0 | 1 << fault as u16)
    }

    /// This set without a fault.
    #[must_use]
    pub fn without(self, fault: FaultKind) -> Self {
        Self(self.0 & !(1 << fault as u16))
    }

    /// Whether the set contains a fault.
    #[must_use]
    pub fn has(self, fault: FaultKind) -> bool {
        self.0 & (1 << fault as u16) != 0
    }

    /// The faults of the set.
    pub fn iter(self) -> impl Iterator<Item = FaultKind> {
        ALL_FAULTS.iter().map(|(fault, _)| *fault).filter(move |fault| self.has(*fault))
    }

    /// Parses names separated by commas; `none` or an empty text is the empty set.
    ///
    /// # Errors
    /// The first unknown name.
    pub fn parse(names: &str) -> Result<Self, String> {
        let mut faults = Self::NONE;
        for name in names.split(',').filter(|name| !name.is_empty() && *name != "none") {
            let found = ALL_FAULTS.iter().find(|(_, known)| *known == name);
            faults = faults.with(found.ok_or_else(|| name.to_owned())?.0);
        }
        Ok(faults)
    }

    /// The names, in the format of [`FaultSet::parse`].
    #[must_use]
    pub fn names(self) -> String {
        let on = ALL_FAULTS.iter().filter(|(fault, _)| self.has(*fault));
        let names: Vec<&str> = on.map(|(_, name)| *name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(",") }
    }
}
