//! A model of a disk: what was written, what was synced, and what a power cut leaves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use earmark_stores::faults::Step;

use super::commands::Rng;

/// A disk writes a sector of this many bytes as a whole or not at all.
const SECTOR: usize = 512;

/// The files after a power cut, by name.
pub type Image = BTreeMap<Arc<str>, Vec<u8>>;

/// What a power cut leaves of the data that was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// All of it is lost.
    Nothing,
    /// All of it is left, as if only the process had been killed.
    All,
    /// The writes up to one of them are left, and the beginning of that one.
    Ordered,
    /// A random choice of writes is left, one of them torn.
    Some,
    /// A random choice of sectors is left.
    Sectors,
    /// Files keep their length, with zeros instead of data that was not synced.
    Zeros,
}

#[derive(Clone, Default)]
pub struct DiskModel {
    files: Vec<File>,
    names: BTreeMap<Arc<str>, usize>,
    /// The names that a power cut leaves at least.
    synced_names: BTreeMap<Arc<str>, usize>,
    steps: usize,
}

#[derive(Clone, Default)]
struct File {
    /// The content that processes read.
    written: Vec<u8>,
    /// The content that a power cut leaves at least.
    synced: Vec<u8>,
    /// Changes not synced yet, each with the number of its step.
    unsynced: Vec<(usize, Change)>,
    /// Sectors whose sync failed: the kernel considers them written, but they may not be.
    doubtful: BTreeSet<usize>,
}

#[derive(Clone)]
enum Change {
    Bytes { at: usize, bytes: Arc<[u8]> },
    Size(usize),
}

impl DiskModel {
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

    /// Whether a power cut could lose anything.
    pub fn is_at_risk(&self) -> bool {
        self.names != self.synced_names || self.files.iter().any(|it| !it.unsynced.is_empty())
    }

    /// The files after a power cut now.
    pub fn image(&self, cut: Cut, rng: &mut Rng) -> Image {
        let steps = self.files.iter().flat_map(|it| it.unsynced.iter().map(|(step, _)| *step));
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
                let content = || self.files[*file].after(cut, torn, rng);
                image.entry(Arc::clone(name)).or_insert_with(content);
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
        change.apply(&mut file.written);
        file.unsynced.push((step, change));
    }
}

impl File {
    fn unsynced_sectors(&self) -> BTreeSet<usize> {
        let sectors = |(_, change): &(usize, Change)| match change {
            Change::Bytes { at, bytes } => at / SECTOR..(at + bytes.len()).div_ceil(SECTOR),
            Change::Size(_) => 0..0,
        };
        self.unsynced.iter().flat_map(sectors).collect()
    }

    fn sync(&mut self) {
        self.synced.resize(self.written.len(), 0);
        for sector in self.unsynced_sectors() {
            self.doubtful.remove(&sector);
            copy(&self.written, sector, &mut self.synced);
        }
        self.unsynced.clear();
    }

    fn fail(&mut self) {
        let sectors = self.unsynced_sectors();
        self.doubtful.extend(sectors);
        self.unsynced.clear();
    }

    fn after(&self, cut: Cut, torn: usize, rng: &mut Rng) -> Vec<u8> {
        if cut == Cut::All {
            return self.written.clone();
        }
        let mut left = self.synced.clone();
        if cut == Cut::Nothing {
            return left;
        }
        if cut == Cut::Zeros {
            left.resize(left.len().max(self.written.len()), 0);
            return left;
        }
        for sector in self.doubtful.iter().filter(|_| rng.coin()) {
            copy(&self.written, *sector, &mut left);
        }
        for (step, change) in &self.unsynced {
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

/// A write split at sector boundaries.
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
