//! The toy that counts: it adds up numbers under names, refuses some and breaks on others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::aggregate::{Aggregate, Recorder};
use crate::model::message::{Command, Event, Fact, PublicEvent, Query, Recorded};
use crate::ports::clock::UnixMillis;
use crate::ports::log::StoreError;
use crate::table::service::Service;
use crate::views::reading::Reading;
use crate::views::table::Table;
use crate::views::view::View;

/// Numbers added up under one name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    sum: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum TallyEvent {
    #[serde(rename = "tally.added")]
    Added(Added),
    #[serde(rename = "tally.undeclared")]
    Undeclared,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Added {
    by: i64,
}

impl Event for TallyEvent {
    fn name(&self) -> &'static str {
        match self {
            Self::Added(_) => Added::NAME,
            Self::Undeclared => "tally.undeclared",
        }
    }
}

impl Fact for Added {
    type Of = TallyEvent;
    const NAME: &'static str = "tally.added";
    fn of(event: &TallyEvent) -> Option<&Self> {
        if let TallyEvent::Added(fact) = event { Some(fact) } else { None }
    }
}

impl Aggregate for Tally {
    const NAME: &'static str = "tally";
    type Event = TallyEvent;
    fn evolve(&mut self, event: &TallyEvent) {
        if let TallyEvent::Added(it) = event {
            self.sum += it.by;
        }
    }
}

/// Adds a number; the answer is the sum.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Add {
    pub(crate) name: String,
    pub(crate) by: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
#[error("{0} is too much")]
pub(crate) struct TooMuch(pub(crate) i64);

impl Command for Add {
    const NAME: &'static str = "tally.add";
    type Answer = i64;
    type Refusal = TooMuch;
    fn key(&self) -> Option<&str> {
        Some(&self.name)
    }
}

pub(crate) fn add(name: &str, by: i64) -> Add {
    Add { name: name.into(), by }
}

/// Breaks always; on the first try only; after recording; by recording what the table does not say;
/// by refusing what it has recorded; refuses.
pub(crate) const BREAKS: i64 = -13;
pub(crate) const BREAKS_ONCE: i64 = -1;
pub(crate) const BREAKS_LATE: i64 = -2;
pub(crate) const UNDECLARED: i64 = -3;
pub(crate) const TWO_FACED: i64 = -4;
pub(crate) const TOO_MUCH: i64 = 1_000;

fn decide(tally: &mut Recorder<Tally>, by: i64, tries: &AtomicU32) -> Result<i64, TooMuch> {
    let tried = tries.fetch_add(1, Ordering::SeqCst);
    match by {
        TOO_MUCH => return Err(TooMuch(by)),
        BREAKS => panic!("thirteen"),
        BREAKS_ONCE if tried == 0 => panic!("moody"),
        UNDECLARED => tally.record(TallyEvent::Undeclared),
        _ => {}
    }
    tally.record(TallyEvent::Added(Added { by }));
    assert!(by != BREAKS_LATE, "late");
    if by == TWO_FACED { Err(TooMuch(by)) } else { Ok(tally.sum) }
}

/// Somebody was told of an addition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Counted {
    pub(crate) name: String,
    pub(crate) by: i64,
}

impl PublicEvent for Counted {
    const NAME: &'static str = "tally.counted";
}

/// The sums by name.
pub(crate) struct Sums;

impl View for Sums {
    const NAME: &'static str = "sums";
    type Event = TallyEvent;
    type Row = i64;
    fn apply(rows: &mut Table<i64>, heard: &Recorded<TallyEvent>) -> Result<(), StoreError> {
        let TallyEvent::Added(it) = heard.event else { return Ok(()) };
        let sum = rows.get(heard.key)?.unwrap_or(0);
        rows.put(heard.key, sum + it.by);
        Ok(())
    }
}

/// Asks for a sum.
pub(crate) struct GetSum(pub(crate) &'static str);

impl Query for GetSum {
    const NAME: &'static str = "tally.get_sum";
    type Answer = Option<i64>;
}

fn get_sum(reading: &Reading, query: GetSum) -> Result<Option<i64>, StoreError> {
    reading.get::<Sums>(query.0)
}

/// The service; `tries` counts how often its handler was called.
pub(crate) fn tally(tries: &Arc<AtomicU32>) -> Service {
    let tries = Arc::clone(tries);
    let handle = move |tally: &mut Recorder<Tally>, command: Add, _: UnixMillis| {
        decide(tally, command.by, &tries)
    };
    Service::of::<Tally>("tally")
        .handles(handle, &[Added::NAME])
        .view::<Sums>()
        .answers(get_sum)
        .publishes(|heard: &Recorded<Added>| Counted { name: heard.key.into(), by: heard.event.by })
}

/// The service when nobody counts its tries.
pub(crate) fn plain() -> Service {
    tally(&Arc::default())
}
