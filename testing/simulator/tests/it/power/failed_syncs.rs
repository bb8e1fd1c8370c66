//! A failed sync: nothing more is answered, the process is told to end, and the next process finds
//! every command done once or not at all. The long run fails each of the first 200 syncs in turn.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use earmark_kernel::Bus;
use earmark_kernel::runtime::{Runtime, drive};
use earmark_stores::faults::{Disk, Step};

use super::commands::{COMMANDS, Rng, TestCommand};
use super::disk_model::{Cut, DiskModel};
use super::power_cuts::{IMAGES_VARIABLE, Run, each_key_has_one_answer};
use super::service::{Outcome, check_integrity, open, records, send, temp_folder, write};

/// Each of the first 200 syncs fails once.
const SYNCS: u64 = 200;
/// By default only one in this number of them fails.
const ONE_IN_QUICK: u64 = 4;
/// Longest time from a failed sync until the process is told to end.
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);
/// Time for another thread than the writer and the flusher to report its failed sync.
const NOTICE_TIMEOUT: Duration = Duration::from_millis(250);
/// The views are flushed once in this number of commands.
const FLUSH_AFTER_COMMANDS: usize = 9;
/// Number of commands sent after the failed sync.
const COMMANDS_AFTER_FAILURE: usize = 3;
/// Number of threads; they wait for timeouts most of the time.
const THREADS: usize = 6;

/// One command per group, so that each has a sync of its own.
fn record_one_by_one() -> Run {
    Run::recorded((0..COMMANDS).map(|index| index..index + 1).collect())
}

#[test]
fn a_failed_sync_ends_the_process_and_leaves_no_doubt() {
    let run = record_one_by_one();
    let syncs = run.steps.iter().filter(|it| matches!(it, Step::Synced(_))).count();
    assert!(syncs as u64 >= SYNCS, "only {syncs} syncs");
    let one_in = if std::env::var_os(IMAGES_VARIABLE).is_some() { 1 } else { ONE_IN_QUICK };
    let (next, unknown) = (AtomicU64::new(1), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let workers = [(); THREADS].map(|()| {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(one_in, Ordering::Relaxed);
                    if n > SYNCS {
                        return;
                    }
                    let unknown_count =
                        fail(&run, n).unwrap_or_else(|why| panic!("sync {n}: {why}"));
                    unknown.fetch_add(unknown_count, Ordering::Relaxed);
                }
            })
        });
        workers.into_iter().for_each(|it| it.join().unwrap());
    });
    println!(
        "{} failed syncs, {} unknown outcomes, all resolved",
        SYNCS.div_ceil(one_in),
        unknown.into_inner()
    );
}

/// Fails the n-th sync; returns the number of commands with an unknown outcome.
fn fail(run: &Run, n: u64) -> Result<u64, String> {
    let folder = temp_folder();
    let disk = Disk::under(folder.path()).unwrap();
    disk.fail_sync(n);
    let outcomes = match open(folder.path()) {
        Ok(bus) => first_life(&bus, &disk, &run.commands)?,
        Err(_) if disk.has_failed() => Vec::new(),
        Err(why) => return Err(why),
    };
    let mut disk_model = DiskModel::default();
    disk.steps().iter().for_each(|step| disk_model.apply(step));
    drop(disk);
    // The machine is still running, so the next process sees everything written, synced or not.
    let disk = Disk::under(folder.path()).unwrap();
    second_life(folder.path(), &disk, run, &outcomes)?;
    // Power cuts: after the second process has repeated the commands of the first one, at a random
    // later command, and at the end. Everything answered before the cut must be there.
    let mut rng = Rng(n);
    let left_open = outcomes.len().max(1);
    let cuts = [left_open, left_open + rng.below(COMMANDS - left_open + 1), COMMANDS];
    for step in disk.steps() {
        disk_model.apply(&step);
        if let Step::Noted(answered) = step
            && let answered = usize::try_from(answered).unwrap()
            && cuts.contains(&answered)
        {
            let after = temp_folder();
            write(&disk_model.image(Cut::Nothing, &mut rng), after.path());
            third_life(after.path(), run, answered)?;
        }
    }
    Ok(outcomes.iter().filter(|it| **it == Outcome::Unknown).count() as u64)
}

/// Sends one command after another until a sync has failed, and a few more; returns the outcomes.
fn first_life(bus: &Bus, disk: &Disk, commands: &[TestCommand]) -> Result<Vec<Outcome>, String> {
    let runtime = Runtime::start(bus).unwrap();
    let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let outcomes = tokio.block_on(async {
        let (mut outcomes, mut failed) = (Vec::new(), None);
        for (index, command) in commands.iter().enumerate() {
            let (ending, _) = send(bus, index, command).await;
            let mut is_reported = ending == Outcome::Unknown;
            if failed.is_some() && matches!(ending, Outcome::Answered(_)) {
                return Err(format!("{} was answered after the sync had failed", command.json));
            }
            outcomes.push(ending);
            if index % FLUSH_AFTER_COMMANDS == 0 {
                // The failed sync may be one of the views; the process then ends by itself.
                is_reported |= bus.flush().is_err();
            }
            if disk.has_failed() {
                let is_first = failed.is_none();
                let (failed_at, _) = *failed.get_or_insert_with(|| (index, now()));
                if is_first && !is_reported {
                    let _ = tokio::time::timeout(NOTICE_TIMEOUT, runtime.halted()).await;
                }
                if index == failed_at + COMMANDS_AFTER_FAILURE {
                    break;
                }
            }
        }
        let (_, since) = failed.ok_or("that sync was not reached")?;
        let halted = tokio::time::timeout(EXIT_TIMEOUT, runtime.halted()).await;
        let why = halted.map_err(|_| "the process was not told to end")?;
        if since.elapsed() > EXIT_TIMEOUT || why.is_empty() {
            return Err(format!(
                "the process was told to end after {:?}: {why:?}",
                since.elapsed()
            ));
        }
        Ok(outcomes)
    });
    runtime.stop();
    outcomes
}

/// Sends every command again with its key: answers are repeated, and unknown outcomes are resolved.
fn second_life(folder: &Path, disk: &Disk, run: &Run, outcomes: &[Outcome]) -> Result<(), String> {
    let bus = open(folder)?;
    for (index, command) in run.commands.iter().enumerate() {
        let was_answered = matches!(outcomes.get(index), Some(Outcome::Answered(_)));
        let (first, replayed) = drive(&bus, send(&bus, index, command));
        if first != run.outcomes[index] || (was_answered && !replayed) {
            return Err(format!("{} ended {first:?} ({replayed})", command.json));
        }
        let (second, replayed) = drive(&bus, send(&bus, index, command));
        if second != first || !replayed {
            return Err(format!("{} ended {first:?}, then {second:?}", command.json));
        }
        disk.note(index as u64 + 1);
    }
    each_key_has_one_answer(&records(&bus))?;
    check_integrity(&bus, folder)
}

fn third_life(folder: &Path, run: &Run, answered: usize) -> Result<(), String> {
    let bus = open(folder)?;
    check_integrity(&bus, folder)?;
    for (index, command) in run.commands.iter().enumerate().take(answered) {
        let (outcome, replayed) = drive(&bus, send(&bus, index, command));
        if outcome != run.outcomes[index] || !replayed {
            let json = &command.json;
            return Err(format!("a power cut after {answered} commands: {json} ended {outcome:?}"));
        }
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the time until the process ends is measured in real time"
)]
fn now() -> Instant {
    Instant::now()
}
