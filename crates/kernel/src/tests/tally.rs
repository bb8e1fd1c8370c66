//! The adding test service: adds numbers under names, refuses some and panics on others.

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

/// Numbers with a special effect in the handler. [`UNDECLARED`] records an event that the table
/// does not declare; [`TOO_MUCH`] is refused.
pub(crate) const PANICS: i64 = -13;
pub(crate) const PANICS_ONCE: i64 = -1;
pub(crate) const PANICS_AFTER_RECORDING: i64 = -2;
pub(crate) const UNDECLARED: i64 = -3;
pub(crate) const REFUSES_AFTER_RECORDING: i64 = -4;
pub(crate) const TOO_MUCH: i64 = 1_000;

fn decide(tally: &mut Recorder<Tally>, by: i64, attempts: &AtomicU32) -> Result<i64, TooMuch> {
    let attempt = attempts.fetch_add(1, Ordering::SeqCst);
    match by {
        TOO_MUCH => return Err(TooMuch(by)),
        PANICS => panic!("panics"),
        PANICS_ONCE if attempt == 0 => panic!("first attempt"),
        UNDECLARED => tally.record(TallyEvent::Undeclared),
        _ => {}
    }
    tally.record(TallyEvent::Added(Added { by }));
    assert!(by != PANICS_AFTER_RECORDING, "after recording");
    if by == REFUSES_AFTER_RECORDING { Err(TooMuch(by)) } else { Ok(tally.sum) }
}

/// The public event of an addition.
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
    fn apply(rows: &mut Table<i64>, recorded: &Recorded<TallyEvent>) -> Result<(), StoreError> {
        let TallyEvent::Added(it) = recorded.event else { return Ok(()) };
        let sum = rows.get(recorded.key)?.unwrap_or(0);
        rows.put(recorded.key, sum + it.by);
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

/// The service; `attempts` counts the calls of its handler.
pub(crate) fn tally(attempts: &Arc<AtomicU32>) -> Service {
    let attempts = Arc::clone(attempts);
    let handle = move |tally: &mut Recorder<Tally>, command: Add, _: UnixMillis| {
        decide(tally, command.by, &attempts)
    };
    Service::of::<Tally>("tally")
        .handles(handle, &[Added::NAME])
        .view::<Sums>()
        .answers(get_sum)
        .publishes(|recorded: &Recorded<Added>| Counted {
            name: recorded.key.into(),
            by: recorded.event.by,
        })
}

/// The service without a count of its handler's calls.
pub(crate) fn plain() -> Service {
    tally(&Arc::default())
}
