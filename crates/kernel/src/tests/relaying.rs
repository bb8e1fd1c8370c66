//! Relays to a test publisher that fails, loses events and refuses them: no event is skipped, and
//! repeated events are identical.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use super::disk::AppendOutcome;
use super::tally::{add, plain};
use super::world::World;
use crate::bus::relay_registry::RelayPhase;
use crate::bus::runtime::drive;
use crate::exchange::relay::{Relay, RelayLimits, Step};
use crate::ports::public_record::PublicRecord;
use crate::ports::publisher::{Position, PublishError, Publisher, Publishing, Source};

/// The outcome of a publication.
#[derive(Clone, Copy)]
enum PublishOutcome {
    /// The publisher becomes unavailable after accepting this many events.
    FailsAfter(usize),
    /// The first event is refused permanently.
    Refused,
}

#[derive(Default)]
struct TestPublisher {
    /// Whether it reports the events that it has stored.
    stores_events: bool,
    /// The events that it has now.
    stored: Mutex<Vec<(u64, String)>>,
    /// All events that it ever received.
    received: Mutex<Vec<(u64, String)>>,
    outcomes: Mutex<VecDeque<PublishOutcome>>,
}

impl Publisher for TestPublisher {
    fn name(&self) -> &'static str {
        "test"
    }

    fn position<'a>(&'a self, _: &'a Source) -> Publishing<'a, Position> {
        Box::pin(async {
            let last = self.stored.lock().unwrap().last().map(|it| it.0);
            Ok(match last {
                _ if !self.stores_events => Position::Unknown,
                Some(last) => Position::Through(last),
                None => Position::Empty { keeps: u64::MAX },
            })
        })
    }

    fn publish<'a>(&'a self, _: &'a Source, events: &'a [PublicRecord]) -> Publishing<'a, ()> {
        Box::pin(async move {
            let outcome = self.outcomes.lock().unwrap().pop_front();
            let accepted = match outcome {
                Some(PublishOutcome::FailsAfter(after)) => after.min(events.len()),
                Some(PublishOutcome::Refused) => 0,
                None => events.len(),
            };
            let accepted = events[..accepted].iter().map(|it| (it.sequence, it.cloud_event()));
            let accepted: Vec<_> = accepted.collect();
            self.stored.lock().unwrap().extend(accepted.clone());
            self.received.lock().unwrap().extend(accepted);
            match outcome {
                Some(PublishOutcome::FailsAfter(_)) => {
                    Err(PublishError::Unavailable("the connection was lost".into()))
                }
                Some(PublishOutcome::Refused) => {
                    let sequence = events[0].sequence;
                    Err(PublishError::Refused { sequence, why: "too long".into() })
                }
                None => Ok(()),
            }
        })
    }
}

fn relay(world: &World, publisher: &Arc<TestPublisher>) -> Relay {
    let limits = RelayLimits { events: 3, ..RelayLimits::default() };
    Relay::new(&world.bus, "tally", 0, Arc::clone(publisher) as Arc<dyn Publisher>, limits).unwrap()
}

/// Steps until the head of the log is reached; returns the number of errors.
fn run_to_head(world: &World, relay: &mut Relay) -> usize {
    let mut errors = 0;
    loop {
        match drive(&world.bus, relay.step()) {
            Ok(Step::AtHead(_)) => return errors,
            Ok(_) => {}
            Err(_) => errors += 1,
        }
    }
}

fn world_with(numbers: std::ops::Range<i64>) -> World {
    let world = World::new(vec![plain()]);
    for by in numbers {
        world.send(add("a", by)).unwrap();
    }
    world
}

/// All events of the feed as CloudEvents, with their sequence numbers.
fn feed(world: &World) -> Vec<(u64, String)> {
    let events = world.bus.feed("tally", 0, 0, 10_000).unwrap();
    events.iter().map(|it| (it.sequence, it.cloud_event())).collect()
}

#[test]
fn events_are_published_in_order_and_the_position_is_saved_in_the_log() {
    let world = world_with(1..11);
    let publisher = Arc::new(TestPublisher { stores_events: true, ..TestPublisher::default() });
    let mut first = relay(&world, &publisher);
    assert_eq!(run_to_head(&world, &mut first), 0);
    assert_eq!(*publisher.stored.lock().unwrap(), feed(&world));
    drive(&world.bus, first.save_position());
    let saved = world.bus.relayed("test", "tally", 0).unwrap();
    assert_eq!(saved, 10);
    // The saved position is an event too, but it is not published and not saved again.
    assert_eq!(run_to_head(&world, &mut first), 0);
    drive(&world.bus, first.save_position());
    assert_eq!(world.bus.status()[0].head, 11);
    assert_eq!(world.bus.relays()[0].phase, RelayPhase::Publishing);
    let world = world.restarted(vec![plain()]);
    assert_eq!(world.bus.relayed("test", "tally", 0).unwrap(), 10);
    world.bus.verify("tally", |_, _| {}).unwrap();
}

#[test]
fn after_a_failure_no_event_is_missing_and_repeated_events_are_identical() {
    for stores_events in [true, false] {
        for after in 0..4 {
            for restarts in [false, true] {
                let mut world = world_with(1..11);
                let publisher =
                    Arc::new(TestPublisher { stores_events, ..TestPublisher::default() });
                publisher
                    .outcomes
                    .lock()
                    .unwrap()
                    .extend([PublishOutcome::FailsAfter(after), PublishOutcome::FailsAfter(after)]);
                let mut it = relay(&world, &publisher);
                for _ in 0..3 {
                    let _ = drive(&world.bus, it.step());
                }
                if restarts {
                    drop(it);
                    world = world.restarted(vec![plain()]);
                    it = relay(&world, &publisher);
                }
                run_to_head(&world, &mut it);
                let received = publisher.received.lock().unwrap();
                let distinct: BTreeMap<u64, &String> =
                    received.iter().map(|(number, event)| (*number, event)).collect();
                assert!(received.iter().all(|(number, event)| distinct[number] == event));
                let distinct = distinct.into_iter().map(|(number, it)| (number, it.clone()));
                assert_eq!(distinct.collect::<Vec<_>>(), feed(&world), "{stores_events} {after}");
                if stores_events {
                    assert_eq!(
                        received.len(),
                        10,
                        "the publisher reports its position, so nothing is repeated"
                    );
                }
            }
        }
    }
}

#[test]
fn events_that_a_publisher_lost_are_published_again() {
    for left in [0, 4] {
        let world = world_with(1..11);
        let publisher = Arc::new(TestPublisher { stores_events: true, ..TestPublisher::default() });
        let mut it = relay(&world, &publisher);
        run_to_head(&world, &mut it);
        drive(&world.bus, it.save_position());
        publisher.stored.lock().unwrap().truncate(left);
        world.send(add("a", 99)).unwrap();
        publisher.outcomes.lock().unwrap().push_back(PublishOutcome::FailsAfter(0));
        assert_eq!(run_to_head(&world, &mut it), 1);
        assert_eq!(*publisher.stored.lock().unwrap(), feed(&world), "{left} events were left");
    }
}

#[test]
fn nothing_is_published_to_a_publisher_that_is_ahead_of_the_log() {
    let world = world_with(1..3);
    let publisher = Arc::new(TestPublisher { stores_events: true, ..TestPublisher::default() });
    publisher.stored.lock().unwrap().push((9, "an event of a diverged log".into()));
    let blocked = drive(&world.bus, relay(&world, &publisher).step());
    let why = "it has events through 9, but the log ends at 2";
    assert!(matches!(blocked, Err(PublishError::Blocked(it)) if it.starts_with(why)));
    assert_eq!(world.bus.relays()[0].phase, RelayPhase::Blocked);
}

#[test]
fn a_refused_event_is_parked_and_later_events_are_published() {
    let world = world_with(1..6);
    let publisher = Arc::new(TestPublisher { stores_events: false, ..TestPublisher::default() });
    publisher.outcomes.lock().unwrap().push_back(PublishOutcome::Refused);
    let mut it = relay(&world, &publisher);
    assert_eq!(run_to_head(&world, &mut it), 1);
    let received: Vec<u64> = publisher.received.lock().unwrap().iter().map(|it| it.0).collect();
    assert_eq!(received, [2, 3, 4, 5]);
    let parked = world.bus.parked("tally", None, 10).unwrap();
    assert_eq!(parked[0].1.reason, "refused by test: too long");
    assert_eq!(parked[0].1.body, feed(&world)[0].1);
}

#[test]
fn a_relay_continues_if_its_position_cannot_be_saved() {
    let world = world_with(1..4);
    let publisher = Arc::new(TestPublisher { stores_events: false, ..TestPublisher::default() });
    let mut it = relay(&world, &publisher);
    run_to_head(&world, &mut it);
    world.disk(0).set_outcome_after(0, AppendOutcome::Failed);
    drive(&world.bus, it.save_position());
    assert_eq!(world.bus.relayed("test", "tally", 0).unwrap(), 0);
    world.send(add("a", 9)).unwrap();
    run_to_head(&world, &mut it);
    drive(&world.bus, it.save_position());
    assert_eq!(world.bus.relayed("test", "tally", 0).unwrap(), 4);
}
