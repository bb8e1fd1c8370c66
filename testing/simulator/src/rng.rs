//! The random numbers of a simulation, derived from its seed.
//!
//! SplitMix64 (Steele, Lea, Flood 2014), implemented here: a committed seed must give the same
//! numbers forever, and no crate of random numbers guarantees that across its versions.

/// A random number generator. The same seed and purpose give the same numbers.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    /// A generator for one purpose of a run, so that one purpose does not shift the numbers of
    /// another.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        let mut rng = Self(seed ^ xxhash_rust::xxh3::xxh3_64(purpose.as_bytes()));
        rng.next();
        rng
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which must be above 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        let high = (u128::from(self.next()) * u128::from(end)) >> 64;
        u64::try_from(high).expect("a product of two, without its lower half")
    }

    /// An index below `count`, which must be above 0.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).expect("below a usize")
    }

    /// True with a probability in percent.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.index(among.len())]
    }

    /// One of several, each with a probability in proportion to its weight. The sum of the weights
    /// must be above 0.
    pub(crate) fn weighted<T: Copy>(&mut self, choices: &[(u64, T)]) -> T {
        let mut left = self.below(choices.iter().map(|(weight, _)| weight).sum());
        for (weight, choice) in choices {
            if left < *weight {
                return *choice;
            }
            left -= weight;
        }
        choices[choices.len() - 1].1
    }
}
