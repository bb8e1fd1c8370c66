//! Power cuts at every sync and between syncs: nothing that was answered is lost.

use std::collections::HashSet;
use std::fs;
use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, OnceLock};

use earmark_kernel::Bus;
use earmark_kernel::log::Record;
use earmark_kernel::runtime::drive;
use earmark_stores::faults::{Disk, Step};
use serde_json::Value;
use xxhash_rust::xxh3::Xxh3;

use super::commands::{COMMANDS, Rng, TestCommand, commands, groups};
use super::disk_model::{Cut, DiskModel, Image};
use super::service::{Outcome, all, check_integrity, open, records, send, temp_folder, write};

/// Environment variable: the number of distinct images to open. If it is set, every sync fails once
/// as well. Set by `cargo xtask power`.
pub const IMAGES_VARIABLE: &str = "EARMARK_POWER_IMAGES";
/// Default number of images.
const IMAGES_QUICK: usize = 600;
/// Number of images that [`CUTS`] gives at least.
const IMAGES_ALL: usize = 3_600;
/// The views are flushed once in this number of groups.
const FLUSH_AFTER_COMMANDS: usize = 9;
/// On one in this number of images all commands are repeated and completed after the cut.
const COMPLETE_EVERY: u128 = 16;
/// Kinds of cuts at every sync, and the number of images of each.
const CUTS: [(Cut, usize); 6] = [
    (Cut::Nothing, 1),
    (Cut::All, 1),
    (Cut::Zeros, 1),
    (Cut::Ordered, 5),
    (Cut::Some, 5),
    (Cut::Sectors, 5),
];

/// A run of all commands without faults, and what happened on the disk.
pub struct Run {
    pub commands: Vec<TestCommand>,
    pub outcomes: Vec<Outcome>,
    pub records: Vec<Record>,
    /// Number of records by the number of commands answered.
    records_by_answered: Vec<usize>,
    pub steps: Vec<Step>,
}

impl Run {
    pub fn recorded(groups: Vec<Range<usize>>) -> Self {
        let folder = temp_folder();
        let disk = Disk::under(folder.path()).unwrap();
        let bus = open(folder.path()).unwrap();
        let commands = commands();

        let (mut outcomes, mut records_by_answered) = (Vec::new(), vec![0; COMMANDS + 1]);
        for (number, group) in groups.into_iter().enumerate() {
            let end = group.end;
            let sent = group.map(|index| send(&bus, index, &commands[index]));
            outcomes.extend(drive(&bus, all(sent)).into_iter().map(|(outcome, _)| outcome));
            records_by_answered[end] = records(&bus).len();
            disk.note(end as u64);
            if number % FLUSH_AFTER_COMMANDS == 0 {
                bus.flush().unwrap();
            }
        }
        assert!(outcomes.iter().all(|it| matches!(it, Outcome::Answered(_))), "{outcomes:?}");
        check_integrity(&bus, folder.path()).unwrap();
        let records = records(&bus);
        drop(bus);
        Self { commands, outcomes, records, records_by_answered, steps: disk.steps() }
    }
}

/// The files after a power cut, and the number of commands answered before it.
struct Case {
    number: usize,
    cut: Cut,
    image: Image,
    answered: usize,
}

#[test]
fn a_power_cut_takes_nothing_that_was_answered() {
    let request =
        std::env::var(IMAGES_VARIABLE).map_or(IMAGES_QUICK, |it| it.parse().expect("a number"));
    let run = Run::recorded(groups());
    let (sender, receiver) = sync_channel(8);
    let (receiver, failed) = (Mutex::new(receiver), OnceLock::new());
    let (images, opened) = std::thread::scope(|scope| {
        let workers = [(); 2].map(|()| scope.spawn(|| check_all(&run, &receiver, &failed)));
        let images =
            cases(&run, request, |case| failed.get().is_none() && sender.send(case).is_ok());
        drop(sender);
        let opened: usize = workers.map(|it| it.join().unwrap()).iter().sum();
        (images, opened)
    });
    assert_eq!(failed.get(), None, "an image failed its checks");
    let syncs = run.steps.iter().filter(|it| matches!(it, Step::Synced(_))).count();
    println!("{syncs} syncs, {images} distinct images, opened {opened} times, 0 answers lost");
    assert!(images >= request, "only {images} images");
}

/// Builds the images at every sync and after every group of answers; returns the number of distinct
/// ones. An image is checked once for the same number of answers.
fn cases(run: &Run, request: usize, mut submit: impl FnMut(Case) -> bool) -> usize {
    let (mut disk_model, mut rng, mut answered) = (DiskModel::default(), Rng(2011), 0);
    let (one_in, rounds) = ((IMAGES_ALL / request).max(1), request.div_ceil(IMAGES_ALL));
    let (mut images, mut seen, mut number) = (HashSet::new(), HashSet::new(), 0);
    for (at, step) in run.steps.iter().enumerate() {
        let is_sync = matches!(step, Step::Synced(_) | Step::SyncedFolder);
        let is_end = at + 1 == run.steps.len();
        if let Step::Noted(count) = step {
            answered = usize::try_from(*count).unwrap();
        }
        let cuts = match step {
            _ if (is_sync || is_end) && disk_model.is_at_risk() => &CUTS[..],
            Step::Noted(_) => &CUTS[..1],
            _ => &[],
        };
        for cut in cuts.iter().flat_map(|(cut, times)| std::iter::repeat_n(*cut, *times * rounds)) {
            let image = disk_model.image(cut, &mut rng);
            let hash = hash(&image);
            if seen.insert((hash, answered)) {
                number += 1;
                if number % one_in > 0 {
                    continue;
                }
                images.insert(hash);
                if !submit(Case { number, cut, image, answered }) {
                    return images.len();
                }
            }
        }
        disk_model.apply(step);
    }
    images.len()
}

fn hash(image: &Image) -> u128 {
    let mut hash = Xxh3::new();
    for (name, bytes) in image {
        hash.update(name.as_bytes());
        hash.update(&bytes.len().to_le_bytes());
        hash.update(bytes);
    }
    hash.digest128()
}

/// Checks images until there are no more; returns their number. The first failure ends the checks.
fn check_all(run: &Run, receiver: &Mutex<Receiver<Case>>, failed: &OnceLock<String>) -> usize {
    let mut count = 0;
    loop {
        let next = receiver.lock().unwrap().recv();
        let Ok(case) = next else {
            return count;
        };
        count += 1;
        let Case { number, cut, answered, .. } = case;
        if failed.get().is_none()
            && let Err(why) = check(run, &case)
        {
            let _ = failed.set(format!("image {number} ({cut:?}, {answered} answered): {why}"));
        }
    }
}

fn check(run: &Run, case: &Case) -> Result<(), String> {
    let folder = temp_folder();
    write(&case.image, folder.path());
    if hash(&case.image) & 16 == 0 {
        // The shared-memory index of the WAL may be left, with arbitrary content.
        let index = folder.path().join("allocation-0.log.db-shm");
        fs::write(index, [0xA5; 32 << 10]).unwrap();
    }
    let bus = open(folder.path())?;
    let found = records(&bus);
    if found.len() < run.records_by_answered[case.answered] {
        return Err(format!("only {} records are left", found.len()));
    }
    if found[..] != run.records[..found.len()] {
        return Err("the records differ from those that were appended".to_owned());
    }
    check_integrity(&bus, folder.path())?;
    repeat_commands(&bus, run, 0..case.answered, true)?;
    if hash(&case.image).is_multiple_of(COMPLETE_EVERY) {
        for group in groups() {
            repeat_commands(&bus, run, group, false)?;
        }
        check_integrity(&bus, folder.path())?;
        each_key_has_one_answer(&records(&bus))?;
    }
    Ok(())
}

/// Sends commands again: the answers must be the same.
fn repeat_commands(
    bus: &Bus,
    run: &Run,
    which: Range<usize>,
    must_be_replayed: bool,
) -> Result<(), String> {
    let sent = which.clone().map(|index| send(bus, index, &run.commands[index]));
    for (index, (outcome, replayed)) in which.zip(drive(bus, all(sent))) {
        if outcome != run.outcomes[index] || (must_be_replayed && !replayed) {
            let (command, then) = (&run.commands[index].json, &run.outcomes[index]);
            return Err(format!(
                "{command} was answered {then:?}, and now {outcome:?} ({replayed})"
            ));
        }
    }
    Ok(())
}

/// Checks that the log has one answer per key.
pub fn each_key_has_one_answer(records: &[Record]) -> Result<(), String> {
    let mut keys = HashSet::new();
    for record in records {
        let events: Vec<Value> = serde_json::from_str(&record.events).unwrap();
        for event in events.iter().filter(|it| it["type"] == "kernel.answered") {
            let key = event["key"].as_str().unwrap();
            if !keys.insert(key.to_owned()) {
                return Err(format!("two answers are stored under {key:?}"));
            }
        }
    }
    Ok(())
}
