//! Relays to a toy publisher that breaks off, forgets and refuses: nothing is left out, and what
//! comes again is the same.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use super::disk::Fate as DiskFate;
use super::tally::{add, plain};
use super::world::World;
use crate::bus::relay_registry::RelayPhase;
use crate::bus::runtime::drive;
use crate::exchange::relay::{Relay, RelayLimits, Step};
use crate::ports::public_record::PublicRecord;
use crate::ports::publisher::{Position, PublishError, Publisher, Publishing, Source};

/// What becomes of a publication.
#[derive(Clone, Copy)]
enum Fate {
    /// It breaks off after so many events.
    Breaks(usize),
    /// The first event is refused for good.
    Refused,
}

#[derive(Default)]
struct Toy {
    keeps: bool,
    /// What it has, if it keeps; what it was given otherwise.
    has: Mutex<Vec<(u64, String)>>,
    given: Mutex<Vec<(u64, String)>>,
    fates: Mutex<VecDeque<Fate>>,
}

impl Publisher for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn position<'a>(&'a self, _: &'a Source) -> Publishing<'a, Position> {
        Box::pin(async {
            let last = self.has.lock().unwrap().last().map(|it| it.0);
            Ok(match last {
                _ if !self.keeps => Position::Unknown,
                Some(last) => Position::Through(last),
                None => Position::Empty { keeps: u64::MAX },
            })
        })
    }

    fn publish<'a>(&'a self, _: &'a Source, events: &'a [PublicRecord]) -> Publishing<'a, ()> {
        Box::pin(async move {
            let fate = self.fates.lock().unwrap().pop_front();
            let taken = match fate {
                Some(Fate::Breaks(after)) => after.min(events.len()),
                Some(Fate::Refused) => 0,
                None => events.len(),
            };
            let taken = events[..taken].iter().map(|it| (it.sequence, it.cloud_event()));
            let taken: Vec<_> = taken.collect();
            self.has.lock().unwrap().extend(taken.clone());
            self.given.lock().unwrap().extend(taken);
            match fate {
                Some(Fate::Breaks(_)) => Err(PublishError::Unavailable("it broke off".into())),
                Some(Fate::Refused) => {
                    let sequence = events[0].sequence;
                    Err(PublishError::Refused { sequence, why: "too long".into() })
                }
                None => Ok(()),
            }
        })
    }
}

fn relay(world: &World, toy: &Arc<Toy>) -> Relay {
    let limits = RelayLimits { events: 3, ..RelayLimits::default() };
    Relay::new(&world.bus, "tally", 0, Arc::clone(toy) as Arc<dyn Publisher>, limits).unwrap()
}

/// Steps until there is nothing left; says how often it broke.
fn to_the_head(world: &World, relay: &mut Relay) -> usize {
    let mut broke = 0;
    loop {
        match drive(&world.bus, relay.step()) {
            Ok(Step::AtHead(_)) => return broke,
            Ok(_) => {}
            Err(_) => broke += 1,
        }
    }
}

fn added(numbers: std::ops::Range<i64>) -> World {
    let world = World::new(vec![plain()]);
    for by in numbers {
        world.send(add("a", by)).unwrap();
    }
    world
}

/// What the feed has, as it is sent.
fn feed(world: &World) -> Vec<(u64, String)> {
    let events = world.bus.feed("tally", 0, 0, 10_000).unwrap();
    events.iter().map(|it| (it.sequence, it.cloud_event())).collect()
}

#[test]
fn everything_is_published_in_order_and_the_place_is_kept_in_the_log() {
    let world = added(1..11);
    let toy = Arc::new(Toy { keeps: true, ..Toy::default() });
    let mut first = relay(&world, &toy);
    assert_eq!(to_the_head(&world, &mut first), 0);
    assert_eq!(*toy.has.lock().unwrap(), feed(&world));
    drive(&world.bus, first.keep());
    let kept = world.bus.relayed("toy", "tally", 0).unwrap();
    assert_eq!(kept, 10);
    // Its own place in the log is nothing to carry, and nothing to keep again.
    assert_eq!(to_the_head(&world, &mut first), 0);
    drive(&world.bus, first.keep());
    assert_eq!(world.bus.status()[0].head, 11);
    assert_eq!(world.bus.relays()[0].phase, RelayPhase::Publishing);
    let world = world.restarted(vec![plain()]);
    assert_eq!(world.bus.relayed("toy", "tally", 0).unwrap(), 10);
    world.bus.verify("tally", |_, _| {}).unwrap();
}

#[test]
fn wherever_it_breaks_nothing_is_left_out_and_repeats_have_the_same_bytes() {
    for keeps in [true, false] {
        for after in 0..4 {
            for restarts in [false, true] {
                let mut world = added(1..11);
                let toy = Arc::new(Toy { keeps, ..Toy::default() });
                toy.fates.lock().unwrap().extend([Fate::Breaks(after), Fate::Breaks(after)]);
                let mut it = relay(&world, &toy);
                for _ in 0..3 {
                    let _ = drive(&world.bus, it.step());
                }
                if restarts {
                    drop(it);
                    world = world.restarted(vec![plain()]);
                    it = relay(&world, &toy);
                }
                to_the_head(&world, &mut it);
                let given = toy.given.lock().unwrap();
                let distinct: BTreeMap<u64, &String> =
                    given.iter().map(|(number, event)| (*number, event)).collect();
                assert!(given.iter().all(|(number, event)| distinct[number] == event));
                let distinct = distinct.into_iter().map(|(number, it)| (number, it.clone()));
                assert_eq!(distinct.collect::<Vec<_>>(), feed(&world), "{keeps} {after}");
                if keeps {
                    assert_eq!(given.len(), 10, "the publisher tells what it has");
                }
            }
        }
    }
}

#[test]
fn a_publisher_that_lost_events_gets_them_again() {
    for left in [0, 4] {
        let world = added(1..11);
        let toy = Arc::new(Toy { keeps: true, ..Toy::default() });
        let mut it = relay(&world, &toy);
        to_the_head(&world, &mut it);
        drive(&world.bus, it.keep());
        toy.has.lock().unwrap().truncate(left);
        world.send(add("a", 99)).unwrap();
        toy.fates.lock().unwrap().push_back(Fate::Breaks(0));
        assert_eq!(to_the_head(&world, &mut it), 1);
        assert_eq!(*toy.has.lock().unwrap(), feed(&world), "{left} were left");
    }
}

#[test]
fn a_publisher_that_is_ahead_of_the_log_is_left_alone() {
    let world = added(1..3);
    let toy = Arc::new(Toy { keeps: true, ..Toy::default() });
    toy.has.lock().unwrap().push((9, "of a log that went on".into()));
    let barred = drive(&world.bus, relay(&world, &toy).step());
    let why = "it has events through 9, but the log ends at 2";
    assert!(matches!(barred, Err(PublishError::Blocked(it)) if it.starts_with(why)));
    assert_eq!(world.bus.relays()[0].phase, RelayPhase::Blocked);
}

#[test]
fn an_event_that_is_refused_is_parked_and_holds_nothing_back() {
    let world = added(1..6);
    let toy = Arc::new(Toy { keeps: false, ..Toy::default() });
    toy.fates.lock().unwrap().push_back(Fate::Refused);
    let mut it = relay(&world, &toy);
    assert_eq!(to_the_head(&world, &mut it), 1);
    let given: Vec<u64> = toy.given.lock().unwrap().iter().map(|it| it.0).collect();
    assert_eq!(given, [2, 3, 4, 5]);
    let parked = world.bus.parked("tally", None, 10).unwrap();
    assert_eq!(parked[0].1.reason, "toy refuses it: too long");
    assert_eq!(parked[0].1.body, feed(&world)[0].1);
}

#[test]
fn a_place_that_cannot_be_kept_stops_nothing() {
    let world = added(1..4);
    let toy = Arc::new(Toy { keeps: false, ..Toy::default() });
    let mut it = relay(&world, &toy);
    to_the_head(&world, &mut it);
    world.disk(0).ordain(0, DiskFate::Failed);
    drive(&world.bus, it.keep());
    assert_eq!(world.bus.relayed("toy", "tally", 0).unwrap(), 0);
    world.send(add("a", 9)).unwrap();
    to_the_head(&world, &mut it);
    drive(&world.bus, it.keep());
    assert_eq!(world.bus.relayed("toy", "tally", 0).unwrap(), 4);
}
