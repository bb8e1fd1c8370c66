//! Effect workers: what is due is run, at most 32 at a time, and waits after it failed.

use std::sync::{Arc, Mutex};
use std::task::Poll;

use super::charging::till_without_effect;
use super::charging::{Answered, GetCharge, Request, due_charges, request, till};
use super::disk::Disk;
use super::provider::{Behaviour, Provider};
use super::world::World;
use crate::bus::runtime::{Runtime, drive};
use crate::bus::sending::Bus;
use crate::exchange::backoff::Backoff;
use crate::exchange::effects::EffectWorker;
use crate::model::limits::Limits;
use crate::model::operation::{ATTEMPT_WAIT_MS, DueOperation, backoff_ms};
use crate::model::outcome::{Failure, NotDone};
use crate::ports::adapter::CallFailed;
use crate::ports::clock::{UnixMillis, VirtualClock};
use crate::ports::ids::SeededIds;
use crate::ports::stores::Stores;
use crate::table::opening::Opening;
use crate::table::procedure::ProcedureContext;
use crate::table::service::Service;

/// The ids of the operations that were run, each with the time.
type Runs = Arc<Mutex<Vec<(String, i64)>>>;

/// Ends the operation, unless its id says otherwise.
async fn run(context: ProcedureContext, runs: Runs, it: DueOperation) -> Result<(), Failure> {
    runs.lock().unwrap().push((it.id.to_string(), context.now().0));
    if it.id.starts_with("failing") {
        return Err(Failure::Busy { retry_after_s: 1 });
    }
    if it.id.starts_with("idle") {
        return Ok(());
    }
    let makes_progress_and_fails = it.id.starts_with("stumbling");
    let not_yet = || Err(CallFailed::Failed("not yet".into()));
    let answer = if makes_progress_and_fails { not_yet() } else { Ok("done".into()) };
    let answered = Answered { id: it.id, attempt: it.attempt, answer };
    context.send("answered", answered).await.map_err(|not_done| match not_done {
        NotDone::Failed(failure) => failure,
        other => panic!("{other}"),
    })?;
    if makes_progress_and_fails { Err(Failure::Busy { retry_after_s: 1 }) } else { Ok(()) }
}

fn service(runs: &Runs) -> Service {
    let runs = Arc::clone(runs);
    till_without_effect()
        .effect("end", due_charges, move |context, it| run(context, Arc::clone(&runs), it))
}

/// A world, its worker, and the operations that were run.
fn start() -> (World, EffectWorker, Runs) {
    let runs = Runs::default();
    let world = World::new(vec![service(&runs)]);
    let worker = world.bus.effect_workers().remove(0);
    (world, worker, runs)
}

fn run_due(world: &World, worker: &mut EffectWorker) -> usize {
    drive(&world.bus, worker.run_due()).unwrap()
}

fn is_ended(world: &World, id: &str) -> bool {
    world.bus.ask(GetCharge(id.into())).unwrap().end.is_some()
}

#[test]
fn an_operation_that_becomes_due_later_is_run_in_a_later_pass() {
    let (world, mut worker, runs) = start();
    world.send(Request { id: "later".into(), due_after_ms: 5_000 }).unwrap();
    world.send(request("now")).unwrap();
    assert_eq!(run_due(&world, &mut worker), 1);
    world.pass_ms(4_999);
    assert_eq!(run_due(&world, &mut worker), 0);
    world.pass_ms(1);
    assert_eq!(run_due(&world, &mut worker), 1);
    assert_eq!(*runs.lock().unwrap(), [("now".into(), 1_000), ("later".into(), 6_000)]);
}

/// The waits between the runs of an operation, if the worker makes a pass every 10 ms.
fn waits(world: &World, worker: &mut EffectWorker, runs: &Runs, id: &str) -> Vec<i64> {
    world.send(request(id)).unwrap();
    let runs_before = runs.lock().unwrap().len();
    while runs.lock().unwrap().len() < runs_before + 9 {
        run_due(world, worker);
        world.pass_ms(10);
    }
    let times: Vec<_> =
        runs.lock().unwrap().iter().filter(|it| it.0 == id).map(|it| it.1).collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn an_operation_that_failed_or_is_unchanged_waits_longer_after_each_run() {
    for id in ["failing", "idle", "stumbling"] {
        let (world, mut worker, runs) = start();
        let found = waits(&world, &mut worker, &runs, id);
        for (wait, longest) in found.iter().zip([1, 2, 4, 8, 16, 32, 60, 60].map(|s| s * 1_000)) {
            let range = longest / 2..longest + 10;
            assert!(range.contains(wait), "{id}: {wait} ms is not in {range:?}");
        }
        assert_eq!(found.len(), 8);
        let (world, mut worker, runs) = start();
        assert_eq!(waits(&world, &mut worker, &runs, id), found, "it is deterministic");
        let (world, mut worker, runs) = start();
        let other = waits(&world, &mut worker, &runs, &format!("{id} too"));
        assert_ne!(other, found, "operations do not wait in step");
    }
}

#[test]
fn an_operation_that_made_progress_does_not_wait() {
    let mut backoff = Backoff::default();
    let now = UnixMillis(0);
    let operation = |attempt| DueOperation { id: "x".into(), due: now, attempt };
    backoff.note(operation(1), false, now);
    assert!(!backoff.allows(&operation(1), now));
    assert!(backoff.allows(&operation(2), now));
    backoff.note(operation(2), true, now);
    assert!(!backoff.allows(&operation(3), now), "the last run failed");
    assert!(backoff.allows(&operation(3), now.plus_ms(backoff_ms("x", 1))));
}

#[test]
fn a_worker_remembers_a_bounded_number_of_operations() {
    let mut backoff = Backoff::default();
    let operation =
        |id: u32| DueOperation { id: id.to_string().into(), due: UnixMillis(0), attempt: 0 };
    for id in 0..4_096 {
        assert!(backoff.allows(&operation(id), UnixMillis(0)));
        backoff.note(operation(id), true, UnixMillis(0));
    }
    assert!(!backoff.allows(&operation(4_096), UnixMillis(1)), "no others are started");
    assert!(backoff.allows(&operation(7), UnixMillis(1_000)), "but these again");
    backoff.forget_others(&[operation(7)], UnixMillis(999_999));
    assert_eq!(backoff.len(), 1);
    assert!(backoff.allows(&operation(4_096), UnixMillis(1)));
}

#[test]
fn operations_that_wait_do_not_hide_others() {
    let (world, mut worker, _) = start();
    (0..300).for_each(|number| world.send(request(format!("failing {number}"))).unwrap());
    assert_eq!(run_due(&world, &mut worker), 256);
    assert_eq!(run_due(&world, &mut worker), 44);
    world.send(request("good")).unwrap();
    assert_eq!(run_due(&world, &mut worker), 1);
    assert!(is_ended(&world, "good"));
}

#[test]
fn a_pass_runs_at_most_256_operations() {
    let (world, mut worker, _) = start();
    (0..600).for_each(|number| world.send(request(number.to_string())).unwrap());
    let passes = [(); 4].map(|()| run_due(&world, &mut worker));
    assert_eq!(passes, [256, 256, 88, 0]);
}

#[test]
fn at_most_32_operations_run_at_the_same_time() {
    let provider = Provider::new();
    let world = World::new(vec![till(&provider)]);
    let mut worker = world.bus.effect_workers().remove(0);
    provider.will([Behaviour::AnswersLate; 40]);
    (0..40).for_each(|number| world.send(request(number.to_string())).unwrap());
    let mut run = Box::pin(worker.run_due());
    assert_eq!(world.advance(run.as_mut()), Poll::Pending);
    assert_eq!((provider.running_max(), provider.calls().len()), (32, 32));
    provider.release(1);
    assert_eq!(world.advance(run.as_mut()), Poll::Pending);
    assert_eq!(provider.calls().len(), 33, "a free place is taken at once");
    provider.release(39);
    assert_eq!(drive(&world.bus, run), Ok(40));
    assert_eq!((provider.running_max(), provider.effects()), (32, 40));
}

#[test]
fn a_pass_that_was_dropped_is_continued_by_the_next() {
    let provider = Provider::new();
    let world = World::new(vec![till(&provider)]);
    let mut worker = world.bus.effect_workers().remove(0);
    provider.will([Behaviour::AnswersLate]);
    world.send(request("x")).unwrap();
    assert_eq!(world.advance(Box::pin(worker.run_due()).as_mut()), Poll::Pending);
    // The attempt is due again, and this worker knows that it is still running.
    world.pass_ms(ATTEMPT_WAIT_MS);
    assert_eq!(world.advance(Box::pin(worker.run_due()).as_mut()), Poll::Pending);
    provider.release(1);
    assert_eq!(run_due(&world, &mut worker), 0);
    assert!(is_ended(&world, "x"));
    assert_eq!(provider.calls().len(), 1);
}

#[test]
fn each_partition_has_its_worker() {
    let runs = Runs::default();
    let stores = [Disk::new(), Disk::new()]
        .map(|disk| Stores { log: Arc::new(disk.clone()), rows: Arc::new(disk) });
    let opening = Opening { service: service(&runs), stores: stores.into() };
    let clock = Arc::new(VirtualClock::at(UnixMillis(1_000)));
    let bus = Bus::open(vec![opening], clock, Arc::new(SeededIds::new(7)), Limits::default());
    let bus = bus.unwrap();
    for number in 0..20 {
        drive(&bus, bus.send(request(number.to_string()))).unwrap();
    }
    let mut workers = bus.effect_workers();
    assert_eq!(workers.len(), 2);
    let counts: Vec<_> =
        workers.iter_mut().map(|worker| drive(&bus, worker.run_due()).unwrap()).collect();
    assert_eq!(counts.iter().sum::<usize>(), 20);
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

#[test]
fn a_slow_operation_does_not_delay_one_that_becomes_due_later() {
    let provider = Provider::new();
    let world = World::new(vec![till(&provider)]);
    let mut worker = world.bus.effect_workers().remove(0);
    let threads = Runtime::start(&world.bus).unwrap();
    let executor = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    provider.will([Behaviour::AnswersLate]);
    let scenario = async {
        world.bus.send(request("slow")).await.unwrap();
        provider.arrived(1).await;
        world.bus.send(request("fast")).await.unwrap();
        provider.arrived(2).await;
        provider.release(1);
        let mut head = world.bus.watch_head("till", 0).unwrap();
        // Each operation has a request, an attempt and an end.
        head.wait_for(|head| *head == 6).await.unwrap();
    };
    executor.block_on(async {
        tokio::select! {
            () = scenario => {}
            () = worker.run() => {}
        }
    });
    threads.stop();
    assert!(is_ended(&world, "slow") && is_ended(&world, "fast"));
    assert_eq!(provider.calls().len(), 2);
}

#[test]
#[should_panic(expected = "two effects of till are named end")]
fn two_effects_of_a_service_do_not_share_a_name() {
    let runs = Runs::default();
    World::new(vec![service(&runs).effect("end", due_charges, |_, _| async { Ok(()) })]);
}

#[test]
fn the_flow_map_shows_effects() {
    let flow = till(&Provider::new()).flow();
    let edges: Vec<_> = flow.edges.iter().filter(|it| it.verb == "effect").collect();
    assert!(edges.iter().all(|it| it.from == "(an operation of charge is due)"));
    assert!(edges.iter().all(|it| it.by == "charge_call"));
    let to: Vec<_> = edges.iter().map(|it| it.to.as_str()).collect();
    assert_eq!(to, ["till.answered", "till.begin"]);
}
