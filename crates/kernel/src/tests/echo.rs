//! The reacting test service: it records each number that was added, twice.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::aggregate::{Aggregate, Recorder};
use crate::model::message::{Command, Event, Query, Recorded};
use crate::ports::clock::UnixMillis;
use crate::ports::log::StoreError;
use crate::table::service::Service;
use crate::views::reading::Reading;
use crate::views::table::Table;
use crate::views::view::View;

use super::tally::Counted;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Notes;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum NotesEvent {
    #[serde(rename = "echo.noted")]
    Noted { by: i64 },
}

const NOTED: &str = "echo.noted";

impl Event for NotesEvent {
    fn name(&self) -> &'static str {
        NOTED
    }
}

impl Aggregate for Notes {
    const NAME: &'static str = "notes";
    type Event = NotesEvent;
    fn evolve(&mut self, _: &NotesEvent) {}
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Note {
    name: String,
    by: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize, Error)]
#[error("seven is not noted")]
struct Seven;

impl Command for Note {
    const NAME: &'static str = "echo.note";
    type Answer = ();
    type Refusal = Seven;
    fn key(&self) -> Option<&str> {
        Some(&self.name)
    }
}

/// Refuses seven and panics on eight.
fn note(notes: &mut Recorder<Notes>, command: Note, _: UnixMillis) -> Result<(), Seven> {
    assert!(command.by != 8, "eight");
    if command.by == 7 {
        return Err(Seven);
    }
    notes.record(NotesEvent::Noted { by: command.by });
    Ok(())
}

/// Returns two commands, because a reaction may lead to several.
fn note_what_was_counted(event: &Counted) -> [Note; 2] {
    [1, 2].map(|_| Note { name: event.name.clone(), by: event.by })
}

/// All recorded numbers, in order.
struct Noted;

impl View for Noted {
    const NAME: &'static str = "noted";
    type Event = NotesEvent;
    type Row = i64;
    fn apply(rows: &mut Table<i64>, recorded: &Recorded<NotesEvent>) -> Result<(), StoreError> {
        let NotesEvent::Noted { by } = recorded.event;
        rows.put(format!("{:08}", recorded.seq), *by);
        Ok(())
    }
}

/// Asks for all recorded numbers.
pub(crate) struct AllNoted;

impl Query for AllNoted {
    const NAME: &'static str = "echo.all_noted";
    type Answer = Vec<i64>;
}

fn all_noted(reading: &Reading, _: AllNoted) -> Result<Vec<i64>, StoreError> {
    let rows = reading.scan::<Noted>("", None, usize::MAX / 4)?;
    Ok(rows.into_iter().map(|(_, by)| by).collect())
}

pub(crate) fn echo() -> Service {
    Service::of::<Notes>("echo")
        .handles(note, &[NOTED])
        .reacts(note_what_was_counted)
        .view::<Noted>()
        .answers(all_noted)
}
