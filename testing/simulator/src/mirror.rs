//! A second service that hears the first: it notes every line that got a place, exactly once.
//!
//! It stands for all services that react to others; its handler can be made to break.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use earmark_contracts::allocation::LineAllocated;
use earmark_kernel::{Aggregate, Command, Event, Recorder, Service, UnixMillis};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The service's name.
pub(crate) const MIRROR: &str = "mirror";
/// The wire name of its one event.
pub(crate) const NOTED: &str = "mirror.noted";
/// What its handler says when it breaks: the one panic that nobody need see.
pub(crate) const FUSE_BLEW: &str = "the fuse blew";

/// While it is bad, some messages break the handler.
#[derive(Debug, Default)]
pub(crate) struct Fuse(AtomicBool);

impl Fuse {
    pub(crate) fn set_bad(&self, bad: bool) {
        self.0.store(bad, Ordering::SeqCst);
    }

    fn check(&self, note: &LineAllocated) {
        let weak = note.qty % 3 == 1;
        assert!(!(weak && self.0.load(Ordering::SeqCst)), "{FUSE_BLEW}");
    }
}

/// How many placements of a SKU were noted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Tally {
    count: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum TallyEvent {
    #[serde(rename = "mirror.noted")]
    Noted(LineAllocated),
}

impl Event for TallyEvent {
    fn name(&self) -> &'static str {
        NOTED
    }
}

impl Aggregate for Tally {
    const NAME: &'static str = "tally";
    type Event = TallyEvent;
    fn evolve(&mut self, _: &TallyEvent) {
        self.count += 1;
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Note(LineAllocated);

/// A note is never refused.
#[derive(Clone, Debug, Serialize, Deserialize, Error)]
enum NeverRefused {}

impl Command for Note {
    const NAME: &'static str = "mirror.note";
    type Answer = u64;
    type Refusal = NeverRefused;
    fn key(&self) -> Option<&str> {
        Some(&self.0.sku.0)
    }
}

/// The service, whose handler breaks as its fuse says.
pub(crate) fn service(fuse: &Arc<Fuse>) -> Service {
    let fuse = Arc::clone(fuse);
    let note = move |tally: &mut Recorder<Tally>, Note(heard): Note, _: UnixMillis| {
        fuse.check(&heard);
        tally.record(TallyEvent::Noted(heard));
        Ok(tally.count)
    };
    Service::of::<Tally>(MIRROR)
        .handles(note, &[NOTED])
        .reacts::<LineAllocated, Note, _, _>(|heard| [Note(heard.clone())])
}
