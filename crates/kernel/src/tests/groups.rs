//! Group commit: bounded queues, one record per group, answers after the commit, and failures.

use std::pin::pin;
use std::task::Poll;

use super::disk::{AppendOutcome, Disk};
use super::tally::{GetSum, add, plain};
use super::world::{World, poll};
use crate::bus::runtime::drive;
use crate::model::limits::Limits;
use crate::model::message::Meta;
use crate::model::outcome::{Failure, NotDone};

fn small() -> World {
    let limits =
        Limits { queue_commands: 3, group_commands: 2, aggregates: 1, ..Limits::default() };
    World::on(vec![plain()], vec![Disk::new()], limits)
}

#[test]
fn a_command_that_does_not_fit_the_queue_fails_as_busy() {
    let world = small();
    let (mut a, mut b, mut c) = (
        pin!(world.bus.send(add("a", 1))),
        pin!(world.bus.send(add("b", 2))),
        pin!(world.bus.send(add("a", 3))),
    );
    assert!(poll(a.as_mut()).is_pending());
    assert!(poll(b.as_mut()).is_pending());
    assert!(poll(c.as_mut()).is_pending());
    assert_eq!(world.bus.status()[0].queued, 3);
    let busy = Poll::Ready(Err(NotDone::Failed(Failure::Busy { retry_after_s: 1 })));
    assert_eq!(poll(pin!(world.bus.send(add("a", 4)))), busy);
    assert!(world.bus.step());
    assert_eq!(world.disk(0).records().len(), 1);
    assert_eq!((poll(a), poll(b)), (Poll::Ready(Ok(1)), Poll::Ready(Ok(2))));
    assert!(poll(c.as_mut()).is_pending(), "a group has at most two commands");
    assert!(world.bus.step());
    assert_eq!(poll(c), Poll::Ready(Ok(4)));
    assert!(!world.bus.step());
    assert_eq!(world.send(add("a", 4)), Ok(8));
}

#[test]
fn a_job_larger_than_the_queue_is_accepted_if_the_queue_is_empty() {
    let world = small();
    let many = |count: i64| (1..=count).map(|by| (add("a", by), Meta::default())).collect();
    let replies = drive(&world.bus, world.bus.send_many(many(10)));
    assert_eq!(replies.last().unwrap().ending, Ok(55));
    assert_eq!(world.disk(0).records().len(), 1, "the job is one group");
    let mut waiting = pin!(world.bus.send(add("a", 1)));
    assert!(poll(waiting.as_mut()).is_pending());
    let Poll::Ready(replies) = poll(pin!(world.bus.send_many(many(10)))) else { panic!() };
    assert!(
        replies
            .iter()
            .all(|it| { matches!(it.ending, Err(NotDone::Failed(Failure::Busy { .. }))) })
    );
}

#[test]
fn a_command_is_committed_even_if_its_caller_is_gone() {
    let world = World::new(vec![plain()]);
    {
        let mut dropped = pin!(world.bus.send(add("a", 1)));
        assert!(poll(dropped.as_mut()).is_pending());
    }
    assert!(world.bus.step());
    assert_eq!(world.bus.ask(GetSum("a")).unwrap(), Some(1));
}

#[test]
fn evicted_aggregates_are_loaded_again() {
    let world = small();
    for round in 1..=200 {
        for name in ["a", "b", "c"] {
            assert_eq!(world.send(add(name, 1)), Ok(round));
        }
    }
    world.bus.verify("tally", |_, _| {}).unwrap();
}

#[test]
fn a_failed_group_changes_nothing() {
    let world = World::new(vec![plain()]);
    assert_eq!(world.send(add("a", 1)), Ok(1));
    world.disk(0).set_outcome_after(0, AppendOutcome::Failed);
    let failed = world.send(add("a", 10));
    assert!(matches!(failed, Err(NotDone::Failed(Failure::Storage(_)))));
    assert_eq!(world.bus.ask(GetSum("a")).unwrap(), Some(1));
    assert_eq!(world.send(add("a", 2)), Ok(3), "the state in memory matches the log");
    world.bus.verify("tally", |_, _| {}).unwrap();
}

#[test]
fn nothing_is_decided_after_an_unknown_outcome() {
    for written in [true, false] {
        let world = World::new(vec![plain()]);
        world.disk(0).set_outcome_after(1, AppendOutcome::Unknown { written });
        assert_eq!(world.send(add("a", 1)), Ok(1));
        assert!(matches!(world.send(add("a", 10)), Err(NotDone::Unknown(_))));
        assert!(world.halted());
        assert_eq!(world.send(add("a", 2)), Err(NotDone::Failed(Failure::Stopping)));
        let world = world.restarted(vec![plain()]);
        assert_eq!(world.send(add("a", 2)), Ok(if written { 13 } else { 3 }));
    }
}

#[test]
fn time_in_the_log_never_goes_back() {
    let world = World::new(vec![plain()]);
    world.clock.set(crate::UnixMillis(5_000));
    world.send(add("a", 1)).unwrap();
    let world = world.restarted(vec![plain()]);
    assert_eq!(world.bus.now(), crate::UnixMillis(1_000), "the clock was set back");
    world.send(add("a", 1)).unwrap();
    let at: Vec<_> = world.disk(0).records().iter().map(|it| it.at_ms).collect();
    assert_eq!(at, [5_000, 5_000]);
}

#[test]
fn the_writer_loads_aggregates_while_the_views_are_locked() {
    let world = World::new(vec![plain()]);
    world.send(add("a", 1)).unwrap();
    let partition = &world.bus.services()[0].partitions[0];
    for (key, sum) in [("a", 3), ("b", 2)] {
        let mut sent = pin!(world.bus.send_as(add(key, 2), Meta::default()));
        let views = partition.projector.write().unwrap();
        assert!(partition.write(), "the aggregate was loaded and the command committed");
        drop(views);
        let Poll::Ready(reply) = poll(sent.as_mut()) else { panic!("the command is answered") };
        assert_eq!(reply.ending, Ok(sum));
    }
}

#[test]
fn a_command_with_a_key_is_queued_before_its_future_is_polled() {
    let world = World::new(vec![plain()]);
    drop(world.bus.send_as(add("a", 1), Meta::default()));
    assert!(world.bus.step());
    assert_eq!(world.send(add("a", 1)), Ok(2));
}
