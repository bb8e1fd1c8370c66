//! Power cuts at every sync and between: whatever is left, nothing that was answered is missing.

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

use crate::orders::{COUNT, Order, Rng, groups, orders};
use crate::platter::{Cut, Image, Platter};
use crate::world::{Said, all, open, place, records, send, sound, write};

/// Says how many distinct images are to be opened, and that every sync is to fail: `cargo xtask
/// power` does.
pub const WISH: &str = "EARMARK_POWER_IMAGES";
/// So many are opened when nothing is said.
const IMAGES_QUICK: usize = 600;
/// So many there are at least, with what [`CUTS`] says.
const IMAGES_ALL: usize = 3_600;
/// The views are flushed after so many groups.
const FLUSH_AFTER_COMMANDS: usize = 9;
/// On one image in so many the work is taken up where the cut ended it, and done to its end.
const GO_ON_EVERY: u128 = 16;
/// What is left of what was not synced, at every sync.
const CUTS: [(Cut, usize); 6] = [
    (Cut::Nothing, 1),
    (Cut::All, 1),
    (Cut::Zeros, 1),
    (Cut::Ordered, 5),
    (Cut::Some, 5),
    (Cut::Sectors, 5),
];

/// All orders sent once, and what happened on the disk meanwhile.
pub struct Run {
    pub orders: Vec<Order>,
    pub said: Vec<Said>,
    pub records: Vec<Record>,
    /// The number of records when so many orders were answered.
    records_when: Vec<usize>,
    pub steps: Vec<Step>,
}

impl Run {
    pub fn recorded(groups: Vec<Range<usize>>) -> Self {
        let place = place();
        let disk = Disk::under(place.path()).unwrap();
        let bus = open(place.path()).unwrap();
        let orders = orders();

        let (mut said, mut records_when) = (Vec::new(), vec![0; COUNT + 1]);
        for (number, group) in groups.into_iter().enumerate() {
            let end = group.end;
            let sent = group.map(|index| send(&bus, index, &orders[index]));
            said.extend(drive(&bus, all(sent)).into_iter().map(|(said, _)| said));
            records_when[end] = records(&bus).len();
            disk.note(end as u64);
            if number % FLUSH_AFTER_COMMANDS == 0 {
                bus.flush().unwrap();
            }
        }
        assert!(said.iter().all(|it| matches!(it, Said::Answered(_))), "{said:?}");
        sound(&bus, place.path()).unwrap();
        let records = records(&bus);
        drop(bus);
        Self { orders, said, records, records_when, steps: disk.steps() }
    }
}

/// What a power cut left, and how many orders had been answered before it.
struct Case {
    number: usize,
    cut: Cut,
    image: Image,
    answered: usize,
}

#[test]
fn a_power_cut_takes_nothing_that_was_answered() {
    let request = std::env::var(WISH).map_or(IMAGES_QUICK, |it| it.parse().expect("a number"));
    let run = Run::recorded(groups());
    let (give, take) = sync_channel(8);
    let (take, failed) = (Mutex::new(take), OnceLock::new());
    let (images, opened) = std::thread::scope(|scope| {
        let workers = [(); 2].map(|()| scope.spawn(|| check_all(&run, &take, &failed)));
        let images = cases(&run, request, |case| failed.get().is_none() && give.send(case).is_ok());
        drop(give);
        let opened: usize = workers.map(|it| it.join().unwrap()).iter().sum();
        (images, opened)
    });
    assert_eq!(failed.get(), None, "an image is not as it must be");
    let syncs = run.steps.iter().filter(|it| matches!(it, Step::Synced(_))).count();
    println!("{syncs} syncs, {images} distinct images, opened {opened} times, 0 answers lost");
    assert!(images >= request, "only {images} images");
}

/// Builds the images at every sync and at every answer; says how many distinct ones there were. No
/// image is built twice for the same answers.
fn cases(run: &Run, request: usize, mut give: impl FnMut(Case) -> bool) -> usize {
    let (mut platter, mut rng, mut answered) = (Platter::default(), Rng(2011), 0);
    let (one_in, rounds) = ((IMAGES_ALL / request).max(1), request.div_ceil(IMAGES_ALL));
    let (mut images, mut seen, mut number) = (HashSet::new(), HashSet::new(), 0);
    for (at, step) in run.steps.iter().enumerate() {
        let is_sync = matches!(step, Step::Synced(_) | Step::SyncedFolder);
        let is_end = at + 1 == run.steps.len();
        if let Step::Noted(count) = step {
            answered = usize::try_from(*count).unwrap();
        }
        let cuts = match step {
            _ if (is_sync || is_end) && platter.is_at_risk() => &CUTS[..],
            Step::Noted(_) => &CUTS[..1],
            _ => &[],
        };
        for cut in cuts.iter().flat_map(|(cut, times)| std::iter::repeat_n(*cut, *times * rounds)) {
            let image = platter.image(cut, &mut rng);
            let hash = hash(&image);
            if seen.insert((hash, answered)) {
                number += 1;
                if number % one_in > 0 {
                    continue;
                }
                images.insert(hash);
                if !give(Case { number, cut, image, answered }) {
                    return images.len();
                }
            }
        }
        platter.apply(step);
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

/// Checks images until there are no more; says how many. The first that is wrong ends the checking.
fn check_all(run: &Run, take: &Mutex<Receiver<Case>>, failed: &OnceLock<String>) -> usize {
    let mut count = 0;
    loop {
        let next = take.lock().unwrap().recv();
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
    let place = place();
    write(&case.image, place.path());
    if hash(&case.image) & 16 == 0 {
        // The index of a write-ahead file may be there too, and say anything.
        let index = place.path().join("allocation-0.log.db-shm");
        fs::write(index, [0xA5; 32 << 10]).unwrap();
    }
    let bus = open(place.path())?;
    let found = records(&bus);
    if found.len() < run.records_when[case.answered] {
        return Err(format!("only {} records are left", found.len()));
    }
    if found[..] != run.records[..found.len()] {
        return Err("the records are not those that were appended".to_owned());
    }
    sound(&bus, place.path())?;
    asked_again(&bus, run, 0..case.answered, true)?;
    if hash(&case.image).is_multiple_of(GO_ON_EVERY) {
        for group in groups() {
            asked_again(&bus, run, group, false)?;
        }
        sound(&bus, place.path())?;
        each_answer_is_kept_once(&records(&bus))?;
    }
    Ok(())
}

/// Orders sent again are answered as they were.
fn asked_again(
    bus: &Bus,
    run: &Run,
    which: Range<usize>,
    must_be_kept: bool,
) -> Result<(), String> {
    let sent = which.clone().map(|index| send(bus, index, &run.orders[index]));
    for (index, (said, replayed)) in which.zip(drive(bus, all(sent))) {
        if said != run.said[index] || (must_be_kept && !replayed) {
            let (order, then) = (&run.orders[index].json, &run.said[index]);
            return Err(format!("{order} was answered {then:?}, and now {said:?} ({replayed})"));
        }
    }
    Ok(())
}

/// Every key has one answer in the log.
pub fn each_answer_is_kept_once(records: &[Record]) -> Result<(), String> {
    let mut keys = HashSet::new();
    for record in records {
        let events: Vec<Value> = serde_json::from_str(&record.events).unwrap();
        for event in events.iter().filter(|it| it["type"] == "kernel.answered") {
            let key = event["key"].as_str().unwrap();
            if !keys.insert(key.to_owned()) {
                return Err(format!("two answers are kept under {key:?}"));
            }
        }
    }
    Ok(())
}
