//! Counts of interesting states: runs that never reach one of them prove little about it.

use std::collections::BTreeMap;

use crate::order_operations::{OPERATIONS, OrderOperation};

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
    OrderBusy,
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

/// Two operations on one order, the lesser first.
type Pair = (OrderOperation, OrderOperation);

/// Descriptions of all marks, in the order of the enum.
const NAMES: [&str; 36] = [
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
    "an order that was busy for too long",
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
pub struct Coverage {
    marks: [u64; NAMES.len()],
    pairs: BTreeMap<Pair, u64>,
}

impl Default for Coverage {
    fn default() -> Self {
        let all = OPERATIONS.iter().flat_map(|(one, _)| OPERATIONS.map(|(two, _)| (*one, two)));
        // An order ends by its time once.
        let ends_twice = (OrderOperation::EndOfTime, OrderOperation::EndOfTime);
        let pairs = all.filter(|(one, two)| one <= two && (*one, *two) != ends_twice);
        Self { marks: [0; NAMES.len()], pairs: pairs.map(|pair| (pair, 0)).collect() }
    }
}

impl Coverage {
    pub(crate) fn record(&mut self, mark: CoverageMark) {
        self.marks[mark as usize] += 1;
    }

    /// One operation was in progress on an order while the other one recorded events on it.
    pub(crate) fn record_pair(&mut self, one: OrderOperation, two: OrderOperation) {
        if let Some(count) = self.pairs.get_mut(&(one.min(two), one.max(two))) {
            *count += 1;
        }
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Self) {
        self.marks.iter_mut().zip(other.marks).for_each(|(sum, count)| *sum += count);
        for (pair, count) in &other.pairs {
            *self.pairs.entry(*pair).or_insert(0) += count;
        }
    }

    /// Each description with its count.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.into_iter().zip(self.marks)
    }

    /// Every pair of operations on one order at the same time, with its count.
    pub fn pairs(&self) -> impl Iterator<Item = (String, u64)> {
        let name = |it: OrderOperation| OPERATIONS[it as usize].1;
        self.pairs.iter().map(move |((one, two), count)| {
            (format!("{} beside {}", name(*one), name(*two)), *count)
        })
    }

    /// The states, or pairs, that were never reached.
    #[must_use]
    pub fn missing(counts: impl Iterator<Item = (impl ToString, u64)>) -> Vec<String> {
        counts.filter(|(_, count)| *count == 0).map(|(name, _)| name.to_string()).collect()
    }
}
