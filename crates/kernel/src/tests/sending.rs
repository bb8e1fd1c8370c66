//! Sending commands: as JSON, to several partitions, and without a handler.

use std::sync::Arc;

use super::disk::Disk;
use super::tally::{Added, GetSum, add, plain};
use crate::bus::runtime::drive;
use crate::bus::sending::Bus;
use crate::model::limits::Limits;
use crate::model::message::{Fact, Meta};
use crate::model::outcome::{Failure, NotDone};
use crate::ports::clock::{UnixMillis, VirtualClock};
use crate::ports::ids::SeededIds;
use crate::ports::stores::Stores;
use crate::table::opening::Opening;

use super::world::World;

fn send_json(world: &World, name: &str, json: &str, meta: Meta) -> Result<String, Failure> {
    let reply = drive(&world.bus, world.bus.send_json(name, json, meta))?;
    Ok(match reply.ending {
        Ok(answer) => answer.get().to_owned(),
        Err(NotDone::Refused(refused)) => format!("{}: {}", refused.refusal, refused.text),
        Err(other) => panic!("{other:?}"),
    })
}

#[test]
fn a_command_can_be_sent_as_json() {
    let world = World::new(vec![plain()]);
    let send = |name, json| send_json(&world, name, json, Meta::default());
    assert_eq!(send("tally.add", r#"{"name":"a","by":5}"#), Ok("5".into()));
    let refused = Ok("1000: 1000 is too much".into());
    assert_eq!(send("tally.add", r#"{"name":"a","by":1000}"#), refused);
    let unreadable = send("tally.add", r#"{"name":"a"}"#).unwrap_err();
    assert!(matches!(unreadable, Failure::Unreadable { what, .. } if what == "tally.add"));
    assert_eq!(send("tally.subtract", "{}"), Err(Failure::NotServed("tally.subtract".into())));
    assert_eq!(world.bus.ask(GetSum("a")).unwrap(), Some(5));
}

#[test]
fn a_dry_run_returns_the_events_and_records_nothing() {
    let world = World::new(vec![plain()]);
    let meta = Meta { dry_run: true, ..Meta::default() };
    let reply = world.send_as(add("a", 5), meta);
    assert_eq!(reply.ending, Ok(5));
    let events: Vec<_> = reply.events.iter().map(|it| it.get()).collect();
    assert_eq!(events, [r#"{"type":"tally.added","data":{"by":5}}"#]);
    assert!(world.disk(0).records().is_empty());
}

#[test]
fn the_log_holds_key_causation_correlation_and_time() {
    let world = World::new(vec![plain()]);
    let meta = Meta {
        command_id: uuid::Uuid::from_u128(1),
        correlation: Some("order 7".into()),
        at: Some(UnixMillis(5)),
        ..Meta::default()
    };
    world.send_as(add("a \"b\"", 5), meta).ending.unwrap();
    assert_eq!(
        world.disk(0).records()[0].events,
        concat!(
            r#"[{"type":"tally.added","data":{"by":5},"of":"tally","key":"a \"b\"","#,
            r#""causation":"00000000-0000-0000-0000-000000000001","correlation":"order 7","at":5}]"#
        )
    );
    let feed = world.bus.feed("tally", 0, 0, 10).unwrap();
    assert_eq!((feed[0].at_ms, &*feed[0].partitionkey), (5, "a \"b\""));
}

#[test]
fn keys_are_partitioned_and_queries_read_all_partitions() {
    let disks: Vec<Disk> = (0..3).map(|_| Disk::new()).collect();
    let open = || {
        let store = |it: &Disk| Stores { log: Arc::new(it.clone()), rows: Arc::new(it.clone()) };
        let opening = Opening { service: plain(), stores: disks.iter().map(store).collect() };
        let clock = Arc::new(VirtualClock::at(UnixMillis(1)));
        let ids = Arc::new(SeededIds::new(7));
        Bus::open(vec![opening], clock, ids, Limits::default()).unwrap()
    };
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let bus = open();
    let commands = names.iter().cycle().take(80).map(|name| (add(name, 1), Meta::default()));
    let replies = drive(&bus, bus.send_many(commands.collect()));
    let sums: Vec<_> = replies.into_iter().map(|it| it.ending.unwrap()).collect();
    let expected: Vec<i64> = (0..80).map(|index| 1 + index / 8).collect();
    assert_eq!(sums, expected, "the replies have the order of the commands");
    bus.flush().unwrap();
    let bus = open();
    assert!(disks.iter().all(|it| !it.records().is_empty()));
    for name in names {
        assert_eq!(bus.ask(GetSum(name)).unwrap(), Some(10));
        assert_eq!(drive(&bus, bus.send(add(name, 1))), Ok(11));
    }
    let published: usize =
        (0..3).map(|partition| bus.feed("tally", partition, 0, 1_000).unwrap().len()).sum();
    assert_eq!(published, 88);
    assert!(bus.feed("tally", 3, 0, 1).is_err());
    bus.verify("tally", |_, _| {}).unwrap();
}

#[test]
#[should_panic(expected = "two entries of the tables handle tally.add")]
fn two_services_cannot_handle_the_same_command() {
    World::new(vec![plain(), plain()]);
}

#[test]
fn a_message_without_a_handler_is_not_served() {
    let world = World::new(vec![super::echo::echo()]);
    let not_served = Failure::NotServed("tally.add".into());
    assert_eq!(world.send(add("a", 1)), Err(NotDone::Failed(not_served)));
    assert!(world.bus.ask(GetSum("a")).is_err());
    assert_eq!(Added::NAME, "tally.added");
}

#[test]
fn a_log_that_ends_before_its_head_is_refused_by_name() {
    let world = World::new(vec![plain()]);
    world.send(add("a", 1)).unwrap();
    let disk = world.disk(0).clone();
    disk.lose_events(1);
    let opening = Opening {
        service: plain(),
        stores: vec![Stores { log: Arc::new(disk.clone()), rows: Arc::new(disk) }],
    };
    let clock = Arc::new(VirtualClock::at(UnixMillis(1_000)));
    let ids = Arc::new(SeededIds::new(7));
    let opened = Bus::open(vec![opening], clock, ids, Limits::default());
    let why = opened.err().expect("events are missing").to_string();
    assert!(why.starts_with("the log of tally ends at 1, but its head says 2"), "{why}");
}
