//! A sync that fails, each of the first two hundred in the long run: nothing more is answered, the
//! process is told to end, and the next one finds every order done once or not at all.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use earmark_kernel::Bus;
use earmark_kernel::runtime::{Runtime, drive};
use earmark_stores::faults::{Disk, Step};

use crate::cuts::{Run, WISH, each_answer_is_kept_once};
use crate::orders::{COUNT, Order, Rng};
use crate::platter::{Cut, Platter};
use crate::world::{Said, open, place, records, send, sound, write};

/// Each of the first so many syncs fails once.
const SYNCS: u64 = 200;
/// One in so many of them does when nothing is wished.
const ONE_IN_QUICK: u64 = 4;
/// So soon after a failed sync the process must be told to end.
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);
/// A thread beside the writer and the flushing has so long to tell of its sync.
const NOTICE_TIMEOUT: Duration = Duration::from_millis(250);
/// The views are flushed after so many orders.
const FLUSH_AFTER_COMMANDS: usize = 9;
/// So many more orders are sent after it.
const MORE: usize = 3;
/// They wait for time to pass more than for a processor.
const AT_ONCE: usize = 6;

/// One order at a time, so that every one has a sync of its own.
fn one_by_one() -> Run {
    Run::recorded((0..COUNT).map(|index| index..index + 1).collect())
}

#[test]
fn a_failed_sync_ends_the_process_and_leaves_no_doubt() {
    let run = one_by_one();
    let syncs = run.steps.iter().filter(|it| matches!(it, Step::Synced(_))).count();
    assert!(syncs as u64 >= SYNCS, "only {syncs} syncs to fail");
    let one_in = if std::env::var_os(WISH).is_some() { 1 } else { ONE_IN_QUICK };
    let (next, unknown) = (AtomicU64::new(1), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let workers = [(); AT_ONCE].map(|()| {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(one_in, Ordering::Relaxed);
                    if n > SYNCS {
                        return;
                    }
                    let left_open = fail(&run, n).unwrap_or_else(|why| panic!("sync {n}: {why}"));
                    unknown.fetch_add(left_open, Ordering::Relaxed);
                }
            })
        });
        workers.into_iter().for_each(|it| it.join().unwrap());
    });
    println!(
        "{} syncs failed, {} orders ended unknown and were cleared up",
        SYNCS.div_ceil(one_in),
        unknown.into_inner()
    );
}

/// Fails the n-th sync; says how many orders ended unknown.
fn fail(run: &Run, n: u64) -> Result<u64, String> {
    let place = place();
    let disk = Disk::under(place.path()).unwrap();
    disk.fail_sync(n);
    let said = match open(place.path()) {
        Ok(bus) => first_life(&bus, &disk, &run.orders)?,
        Err(_) if disk.has_failed() => Vec::new(),
        Err(why) => return Err(why),
    };
    let mut platter = Platter::default();
    disk.steps().iter().for_each(|step| platter.apply(step));
    drop(disk);
    // The machine still runs, so the next process sees what the first one wrote, synced or not.
    let disk = Disk::under(place.path()).unwrap();
    second_life(place.path(), &disk, run, &said)?;
    // The power goes: when the second process has answered what the first one did and left open,
    // at any moment after, and at the end. What was answered by then must be there.
    let mut rng = Rng(n);
    let left_open = said.len().max(1);
    let cuts = [left_open, left_open + rng.below(COUNT - left_open + 1), COUNT];
    for step in disk.steps() {
        platter.apply(&step);
        if let Step::Noted(answered) = step
            && let answered = usize::try_from(answered).unwrap()
            && cuts.contains(&answered)
        {
            let after = crate::world::place();
            write(&platter.image(Cut::Nothing, &mut rng), after.path());
            third_life(after.path(), run, answered)?;
        }
    }
    Ok(said.iter().filter(|it| **it == Said::Unknown).count() as u64)
}

/// Sends one order after another until a sync has failed, and a few more; says how each ended.
fn first_life(bus: &Bus, disk: &Disk, orders: &[Order]) -> Result<Vec<Said>, String> {
    let runtime = Runtime::start(bus).unwrap();
    let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let said = tokio.block_on(async {
        let (mut said, mut failed) = (Vec::new(), None);
        for (index, order) in orders.iter().enumerate() {
            let (ending, _) = send(bus, index, order).await;
            let mut is_told = ending == Said::Unknown;
            if failed.is_some() && matches!(ending, Said::Answered(_)) {
                return Err(format!("{} was answered after the sync had failed", order.json));
            }
            said.push(ending);
            if index % FLUSH_AFTER_COMMANDS == 0 {
                // The views may be what the disk fails; the process ends by itself.
                is_told |= bus.flush().is_err();
            }
            if disk.has_failed() {
                let is_first = failed.is_none();
                let (failed_at, _) = *failed.get_or_insert_with(|| (index, now()));
                if is_first && !is_told {
                    let _ = tokio::time::timeout(NOTICE_TIMEOUT, runtime.halted()).await;
                }
                if index == failed_at + MORE {
                    break;
                }
            }
        }
        let (_, since) = failed.ok_or("it did not come to that sync")?;
        let halted = tokio::time::timeout(EXIT_TIMEOUT, runtime.halted()).await;
        let why = halted.map_err(|_| "the process is not told to end")?;
        if since.elapsed() > EXIT_TIMEOUT || why.is_empty() {
            return Err(format!("it was told to end after {:?}: {why:?}", since.elapsed()));
        }
        Ok(said)
    });
    runtime.stop();
    said
}

/// Everything is asked again by its key: what was answered is answered so again, and what was not
/// known comes to one end.
fn second_life(folder: &Path, disk: &Disk, run: &Run, said: &[Said]) -> Result<(), String> {
    let bus = open(folder)?;
    for (index, order) in run.orders.iter().enumerate() {
        let was_answered = matches!(said.get(index), Some(Said::Answered(_)));
        let (first, replayed) = drive(&bus, send(&bus, index, order));
        if first != run.said[index] || (was_answered && !replayed) {
            return Err(format!("{} ended {first:?} ({replayed})", order.json));
        }
        let (second, replayed) = drive(&bus, send(&bus, index, order));
        if second != first || !replayed {
            return Err(format!("{} ended {first:?}, then {second:?}", order.json));
        }
        disk.note(index as u64 + 1);
    }
    each_answer_is_kept_once(&records(&bus))?;
    sound(&bus, folder)
}

fn third_life(folder: &Path, run: &Run, answered: usize) -> Result<(), String> {
    let bus = open(folder)?;
    sound(&bus, folder)?;
    for (index, order) in run.orders.iter().enumerate().take(answered) {
        let (said, replayed) = drive(&bus, send(&bus, index, order));
        if said != run.said[index] || !replayed {
            let json = &order.json;
            return Err(format!("a power cut after {answered} orders: {json} ended {said:?}"));
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "how fast a process ends is measured in real time")]
fn now() -> Instant {
    Instant::now()
}
