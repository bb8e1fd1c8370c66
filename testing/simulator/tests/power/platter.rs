//! What is on a disk, what is only said to be, and what a power cut leaves of both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use earmark_stores::faults::Step;

use crate::orders::Rng;

/// A disk writes so many bytes whole or not at all.
const SECTOR: usize = 512;

/// The files that a power cut left, by name.
pub type Image = BTreeMap<Arc<str>, Vec<u8>>;

/// What a power cut leaves of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// All of it is lost.
    Nothing,
    /// All of it is there, as when the process alone was killed.
    All,
    /// What was written first is there, and the beginning of what was written then.
    Ordered,
    /// Some writes are there, in any choice, the last of them torn.
    Some,
    /// Some sectors are there, in any choice.
    Sectors,
    /// Files are as long as they were, but hold zeros where nothing was synced.
    Zeros,
}

#[derive(Clone, Default)]
pub struct Platter {
    files: Vec<File>,
    names: BTreeMap<Arc<str>, usize>,
    /// The names a power cut leaves at least.
    synced_names: BTreeMap<Arc<str>, usize>,
    steps: usize,
}

#[derive(Clone, Default)]
struct File {
    /// As processes see it.
    seen: Vec<u8>,
    /// As a power cut leaves it at least.
    synced: Vec<u8>,
    /// Not synced yet, each with the number of its step.
    fresh: Vec<(usize, Change)>,
    /// Sectors whose sync failed: they count as written, and are not.
    doubtful: BTreeSet<usize>,
}

#[derive(Clone)]
enum Change {
    Bytes { at: usize, bytes: Arc<[u8]> },
    Size(usize),
}

impl Platter {
    pub fn apply(&mut self, step: &Step) {
        self.steps += 1;
        match step {
            Step::Made(name) => {
                self.names.insert(Arc::clone(name), self.files.len());
                self.files.push(File::default());
            }
            Step::Removed(name) => {
                self.names.remove(name);
            }
            Step::Wrote { file, at, bytes } => {
                let at = usize::try_from(*at).unwrap();
                self.change(file, Change::Bytes { at, bytes: Arc::clone(bytes) });
            }
            Step::Cut(name, size) => {
                self.change(name, Change::Size(usize::try_from(*size).unwrap()));
            }
            Step::Synced(name) => self.file(name).sync(),
            Step::SyncFailed(name) => self.file(name).fail(),
            Step::SyncedFolder => self.synced_names = self.names.clone(),
            Step::Noted(_) => {}
        }
    }

    /// Whether a power cut could take anything.
    pub fn is_at_risk(&self) -> bool {
        self.names != self.synced_names || self.files.iter().any(|it| !it.fresh.is_empty())
    }

    /// What a power cut leaves now.
    pub fn image(&self, cut: Cut, rng: &mut Rng) -> Image {
        let steps = self.files.iter().flat_map(|it| it.fresh.iter().map(|(step, _)| *step));
        let steps: Vec<_> = steps.collect::<BTreeSet<_>>().into_iter().collect();
        let torn = if steps.is_empty() { 0 } else { steps[rng.below(steps.len())] };
        let mut image = Image::new();
        for name in self.names.keys().chain(self.synced_names.keys()) {
            let (now, then) = (self.names.get(name), self.synced_names.get(name));
            let is_now = match cut {
                Cut::Nothing => false,
                Cut::All => true,
                _ => rng.coin(),
            };
            if let Some(file) = if is_now { now } else { then } {
                let left = || self.files[*file].left(cut, torn, rng);
                image.entry(Arc::clone(name)).or_insert_with(left);
            }
        }
        image
    }

    fn file(&mut self, name: &Arc<str>) -> &mut File {
        &mut self.files[self.names[name]]
    }

    fn change(&mut self, name: &Arc<str>, change: Change) {
        let step = self.steps;
        let file = self.file(name);
        change.apply(&mut file.seen);
        file.fresh.push((step, change));
    }
}

impl File {
    fn fresh_sectors(&self) -> BTreeSet<usize> {
        let sectors = |(_, change): &(usize, Change)| match change {
            Change::Bytes { at, bytes } => at / SECTOR..(at + bytes.len()).div_ceil(SECTOR),
            Change::Size(_) => 0..0,
        };
        self.fresh.iter().flat_map(sectors).collect()
    }

    fn sync(&mut self) {
        self.synced.resize(self.seen.len(), 0);
        for sector in self.fresh_sectors() {
            self.doubtful.remove(&sector);
            copy(&self.seen, sector, &mut self.synced);
        }
        self.fresh.clear();
    }

    fn fail(&mut self) {
        let sectors = self.fresh_sectors();
        self.doubtful.extend(sectors);
        self.fresh.clear();
    }

    fn left(&self, cut: Cut, torn: usize, rng: &mut Rng) -> Vec<u8> {
        if cut == Cut::All {
            return self.seen.clone();
        }
        let mut left = self.synced.clone();
        if cut == Cut::Nothing {
            return left;
        }
        if cut == Cut::Zeros {
            left.resize(left.len().max(self.seen.len()), 0);
            return left;
        }
        for sector in self.doubtful.iter().filter(|_| rng.coin()) {
            copy(&self.seen, *sector, &mut left);
        }
        for (step, change) in &self.fresh {
            let is_there = match cut {
                Cut::Ordered => *step <= torn,
                Cut::Some => rng.coin(),
                _ => true,
            };
            match change {
                _ if !is_there => {}
                Change::Bytes { at, bytes } if cut == Cut::Sectors => {
                    in_sectors(*at, bytes)
                        .filter(|_| rng.coin())
                        .for_each(|it| it.apply(&mut left));
                }
                Change::Bytes { at, bytes } if *step == torn => {
                    let sectors: Vec<_> = in_sectors(*at, bytes).collect();
                    let there = rng.below(sectors.len() + 1);
                    sectors[..there].iter().for_each(|it| it.apply(&mut left));
                }
                whole => whole.apply(&mut left),
            }
        }
        left
    }
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Bytes { at, bytes } => {
                let end = at + bytes.len();
                file.resize(file.len().max(end), 0);
                file[*at..end].copy_from_slice(bytes);
            }
            Self::Size(size) => file.resize(*size, 0),
        }
    }
}

/// A write in parts that a disk writes whole or not at all.
fn in_sectors(at: usize, bytes: &Arc<[u8]>) -> impl Iterator<Item = Change> {
    let end = at + bytes.len();
    let parts = (at / SECTOR..end.div_ceil(SECTOR)).map(move |sector| {
        let (from, to) = (at.max(sector * SECTOR), end.min((sector + 1) * SECTOR));
        (from, from - at..to - at)
    });
    parts.map(|(at, part)| Change::Bytes { at, bytes: bytes[part].into() })
}

fn copy(from: &[u8], sector: usize, to: &mut Vec<u8>) {
    let begin = sector * SECTOR;
    let end = from.len().min(begin + SECTOR);
    if begin < end {
        to.resize(to.len().max(end), 0);
        to[begin..end].copy_from_slice(&from[begin..end]);
    }
}
