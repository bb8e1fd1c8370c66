//! The parameters of a run: a seed, the faults that are switched on, and a number of steps.

use crate::disk::DiskDefect;
use crate::faults::{FaultKind, FaultSet};

/// Default number of steps of a run.
const STEPS: u32 = 700;
/// A run on a hot SKU is this many times longer, so that its stock can grow.
const HOT_SKU_STEPS_FACTOR: u32 = 2;

/// The parameters of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// All choices are drawn from it.
    pub seed: u64,
    /// What may go wrong.
    pub faults: FaultSet,
    /// Number of steps before all faults are switched off.
    pub steps: u32,
    /// A deliberate defect of the disks, to prove that the checks can fail.
    pub defect: Option<DiskDefect>,
}

impl Plan {
    /// The default run of a seed.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        Self::with_faults(seed, FaultSet::of_seed(seed))
    }

    /// The run of a seed with other faults than the seed's own.
    #[must_use]
    pub fn with_faults(seed: u64, faults: FaultSet) -> Self {
        let factor = if faults.has(FaultKind::HotSku) { HOT_SKU_STEPS_FACTOR } else { 1 };
        Self { seed, faults, steps: STEPS * factor, defect: None }
    }

    /// The command-line arguments that repeat this run.
    #[must_use]
    pub fn arguments(&self) -> String {
        let mut arguments = format!("--seed {}", self.seed);
        if self.faults != FaultSet::of_seed(self.seed) {
            arguments += &format!(" --faults {}", self.faults.names());
        }
        if self.steps != Self::with_faults(self.seed, self.faults).steps {
            arguments += &format!(" --steps {}", self.steps);
        }
        arguments
    }
}
