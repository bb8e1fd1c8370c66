//! Counts of interesting states: runs that never reach one of them prove little about it.

/// A state that some run should reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CoverageMark {
    Crash,
    CrashBetweenAppendAndAnswer,
    GroupLargerThanOne,
    DuplicateInOneGroup,
    ExpiredHold,
    ExpiredBatch,
    LineDeallocated,
    LineReallocated,
    HoldConfirmed,
    GoodsShipped,
    GoodsReturned,
    ReferenceOfAnotherSku,
    ParkedMessage,
    ParkedMessageReplayed,
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

/// Descriptions of all marks, in the order of the enum.
const NAMES: [&str; 35] = [
    "a crash",
    "a crash between append and answer",
    "a group larger than one",
    "a duplicate in one group",
    "an expired hold",
    "an expired batch",
    "a line that lost its allocation",
    "a line that was allocated again",
    "a confirmed hold",
    "goods shipped",
    "goods returned",
    "a batch reference of another SKU",
    "a parked message",
    "a parked message that was replayed",
    "an unknown outcome that was done",
    "an unknown outcome that was not done",
    "a disconnected command that was done",
    "a failed command that a repeat completed",
    "a replayed answer",
    "an answer replayed after a crash",
    "a key reused for another request",
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
    "a feed that was rewound",
    "a whole log verified",
];

/// How many times each state was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage([u64; NAMES.len()]);

impl Default for Coverage {
    fn default() -> Self {
        Self([0; NAMES.len()])
    }
}

impl Coverage {
    pub(crate) fn record(&mut self, mark: CoverageMark) {
        self.0[mark as usize] += 1;
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, count)| *sum += count);
    }

    /// Each description with its count.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.into_iter().zip(self.0)
    }

    /// The states that were never reached.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.iter().filter(|(_, count)| *count == 0).map(|(name, _)| name).collect()
    }
}
