//! A handler that panics affects only its own command, which is parked after the second panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::tally::{
    GetSum, PANICS, PANICS_AFTER_RECORDING, PANICS_ONCE, REFUSES_AFTER_RECORDING, TOO_MUCH,
    TooMuch, UNDECLARED, add, plain, tally,
};
use super::world::World;
use crate::bus::runtime::drive;
use crate::model::kernel_event::Parked;
use crate::model::message::Meta;
use crate::model::outcome::{Failure, NotDone};

fn parked(world: &World) -> Vec<Parked> {
    world.bus.parked("tally", None, 100).unwrap().into_iter().map(|(_, it)| it).collect()
}

#[test]
fn only_the_command_that_breaks_its_handler_is_lost() {
    for (by, reason) in [
        (PANICS, "panics"),
        (PANICS_AFTER_RECORDING, "after recording"),
        (UNDECLARED, "the table does not declare that this records tally.undeclared"),
        (REFUSES_AFTER_RECORDING, "a handler that refuses must not record events"),
    ] {
        let attempts = Arc::default();
        let world = World::new(vec![tally(&attempts)]);
        let commands = [1, by, 2].map(|by| (add("a", by), Meta::default()));
        let replies = drive(&world.bus, world.bus.send_many(commands.to_vec()));
        let endings: Vec<_> = replies.into_iter().map(|it| it.ending).collect();
        let broken = Failure::Broken { command: "tally.add".into(), reason: reason.into() };
        assert_eq!(endings, [Ok(1), Err(NotDone::Failed(broken)), Ok(3)]);
        assert_eq!(attempts.load(Ordering::SeqCst), 4, "the panicking command ran twice");
        assert_eq!(world.bus.ask(GetSum("a")).unwrap(), Some(3));
        let parked = parked(&world);
        assert_eq!((parked.len(), &*parked[0].reason), (1, reason));
        assert_eq!(parked[0].body, format!(r#"{{"name":"a","by":{by}}}"#));
        world.bus.verify("tally", |_, _| {}).unwrap();
        let world = world.restarted(vec![plain()]);
        assert_eq!(world.send(add("a", 1)), Ok(4));
    }
}

#[test]
fn a_handler_that_panics_once_is_run_again() {
    let world = World::new(vec![plain()]);
    assert_eq!(world.send(add("a", PANICS_ONCE)), Ok(-1));
    assert!(parked(&world).is_empty());
}

#[test]
fn a_refused_command_is_not_parked() {
    let world = World::new(vec![plain()]);
    assert_eq!(world.send(add("a", TOO_MUCH)), Err(NotDone::Refused(TooMuch(TOO_MUCH))));
    assert!(parked(&world).is_empty());
    assert!(world.disk(0).records().is_empty());
}

#[test]
fn a_dry_run_that_panics_parks_nothing() {
    let attempts = Arc::new(AtomicU32::new(0));
    let world = World::new(vec![tally(&attempts)]);
    let dry_run = Meta { dry_run: true, ..Meta::default() };
    let ending = world.send_as(add("a", PANICS), dry_run).ending;
    assert!(matches!(ending, Err(NotDone::Failed(Failure::Broken { .. }))));
    assert!(parked(&world).is_empty());
    assert!(world.disk(0).records().is_empty());
}

#[test]
fn a_parked_message_can_be_replayed_after_a_fix() {
    let world = World::new(vec![plain()]);
    assert!(world.send(add("a", PANICS)).is_err());
    let id = world.bus.parked("tally", None, 1).unwrap()[0].0.clone();
    let replay =
        |world: &World, dry_run| drive(&world.bus, world.bus.replay_parked("tally", &id, dry_run));
    let again = replay(&world, false).unwrap().unwrap();
    assert!(matches!(again.ending, Err(NotDone::Failed(Failure::Broken { .. }))));
    // The next version of the service handles the command.
    let fixed = || {
        let fixed = move |it: &mut crate::Recorder<super::tally::Tally>,
                          command: super::tally::Add,
                          _: crate::UnixMillis|
              -> Result<i64, TooMuch> {
            let _ = (it, command);
            Ok(42)
        };
        crate::Service::of::<super::tally::Tally>("tally").handles(fixed, &[])
    };
    let world = world.restarted(vec![fixed()]);
    let answer = |reply: crate::JsonReply| reply.ending.unwrap().get().to_owned();
    assert_eq!(answer(replay(&world, true).unwrap().unwrap()), "42");
    assert_eq!(parked(&world).len(), 1, "a dry run does not unpark it");
    assert_eq!(answer(replay(&world, false).unwrap().unwrap()), "42");
    assert!(parked(&world).is_empty());
    assert!(replay(&world, false).unwrap().is_none(), "it is no longer parked");
}
