//! How SKUs are drawn.

/// The exponent of Zipf's law: a few SKUs sell often.
const ZIPF_EXPONENT: f64 = 0.99;

/// How SKUs are drawn.
#[derive(Clone, Debug)]
pub enum Skus {
    /// All equally often.
    Uniform(u32),
    /// The n-th with weight 1/n^0.99; here the cumulative distribution.
    Zipf(Vec<f64>),
    /// Always the first.
    Hot,
}

impl Skus {
    pub fn zipf(count: u32) -> Self {
        let weights = (1..=count).map(|rank| f64::from(rank).powf(-ZIPF_EXPONENT));
        let mut sum = 0.0;
        let ends: Vec<f64> = weights
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        Self::Zipf(ends.into_iter().map(|end| end / sum).collect())
    }

    /// The number of a SKU, from 0.
    pub fn draw(&self, random: &mut fastrand::Rng) -> u32 {
        match self {
            Self::Uniform(count) => random.u32(0..*count),
            Self::Zipf(ends) => {
                let drawn = random.f64();
                let place = ends.partition_point(|end| *end <= drawn).min(ends.len() - 1);
                u32::try_from(place).expect("at most the number of SKUs")
            }
            Self::Hot => 0,
        }
    }

    /// The number of SKUs.
    pub fn count(&self) -> u32 {
        match self {
            Self::Uniform(count) => *count,
            Self::Zipf(ends) => u32::try_from(ends.len()).expect("at most the number of SKUs"),
            Self::Hot => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Skus;

    #[test]
    fn the_first_of_zipfs_skus_is_asked_for_most() {
        let (skus, mut random) = (Skus::zipf(1_000), fastrand::Rng::with_seed(1));
        let mut drawn = vec![0; 1_000];
        for _ in 0..100_000 {
            drawn[skus.draw(&mut random) as usize] += 1;
        }
        // The 1,000th harmonic number (with this exponent) is 7.73.
        assert!((12_000..14_000).contains(&drawn[0]), "{}", drawn[0]);
        assert!(drawn[0] > drawn[9] * 8 && drawn[9] > drawn[99] * 6);
    }

    #[test]
    fn uniform_draws_reach_every_sku() {
        let (skus, mut random) = (Skus::Uniform(10), fastrand::Rng::with_seed(1));
        let drawn: std::collections::BTreeSet<_> =
            (0..1_000).map(|_| skus.draw(&mut random)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    }
}
