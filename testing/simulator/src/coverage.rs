//! Interesting states, counted: a batch of runs that never meets one of them proves little.

/// A state that some run should have met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CoverageMark {
    Crash,
    CrashBetweenAppendAndAnswer,
    GroupLargerThanOne,
    DuplicateInOneGroup,
    ExpiredHold,
    ExpiredBatch,
    LineLostItsPlace,
    LinePlacedAgain,
    HoldConfirmed,
    GoodsShipped,
    GoodsReturned,
    ReferenceOfAnotherSku,
    ParkedMessage,
    ParkedMessageServed,
    UnknownWasDone,
    UnknownWasNotDone,
    DisconnectedWasDone,
    FailedThenDone,
    ReplayedAnswer,
    ReplayedAfterCrash,
    KeyReused,
    DryRun,
    HostileValue,
    BusyRefusal,
    FullDiskRefusal,
    FailedCommit,
    FailedFlush,
    FailedRead,
    LostFlush,
    RebuildFromEmptyRows,
    Snapshot,
    ClockWentBack,
    SecondPartition,
    FeedRewound,
    Verified,
}

/// All of them, in the order of the enum, as a person reads them.
const NAMES: [&str; 35] = [
    "a crash",
    "a crash between append and answer",
    "a group larger than one",
    "a duplicate in one group",
    "an expired hold",
    "an expired batch",
    "a line that lost its place",
    "a line that was placed again",
    "a confirmed hold",
    "goods shipped",
    "goods returned",
    "a reference of another SKU",
    "a parked message",
    "a parked message served",
    "an unknown that was done",
    "an unknown that was not done",
    "a disconnected command that was done",
    "a failed command done when asked again",
    "a replayed answer",
    "an answer replayed after a crash",
    "a key used for something else",
    "a dry run",
    "a hostile value",
    "a busy refusal",
    "a full disk",
    "a failed commit",
    "a failed flush",
    "a failed read",
    "a lost flush",
    "a rebuild from empty rows",
    "a snapshot",
    "a clock that went back",
    "a second partition",
    "a feed read once more",
    "a whole log verified",
];

/// How often each was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage([u64; NAMES.len()]);

impl Default for Coverage {
    fn default() -> Self {
        Self([0; NAMES.len()])
    }
}

impl Coverage {
    pub(crate) fn saw(&mut self, sighting: CoverageMark) {
        self.0[sighting as usize] += 1;
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, count)| *sum += count);
    }

    /// Each with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.into_iter().zip(self.0)
    }

    /// Those never met.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.iter().filter(|(_, count)| *count == 0).map(|(name, _)| name).collect()
    }
}
