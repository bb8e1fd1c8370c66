//! What the caller of the program wants, read from its arguments.

use clap::Parser;
use earmark_simulator::{ALL_FAMILIES, FaultSet, Plan};

/// So many seeds, when nobody says how many.
const SEEDS: u64 = 200;

/// Runs the whole system in one thread on virtual time, with faults, from seeds.
#[derive(Clone, Debug, Parser, PartialEq, Eq)]
#[command(bin_name = "cargo xtask simulate", max_term_width = 100)]
pub struct Arguments {
    /// Run so many seeds, after those kept in simulations/
    #[arg(long, value_name = "N", default_value_t = SEEDS, conflicts_with = "seed")]
    pub seeds: u64,
    /// Begin at this seed
    #[arg(long, value_name = "S", default_value_t = 0, conflicts_with_all = ["seed", "fresh"])]
    pub from: u64,
    /// Begin at a seed that nobody has chosen; it is said
    #[arg(long, conflicts_with = "seed")]
    pub fresh: bool,
    /// Run one seed
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Show what happens, step by step, on stdout
    #[arg(long = "trace", requires = "seed")]
    pub is_traced: bool,
    /// These may go wrong instead of what the seed says, with commas between; `none` is none
    #[arg(long, value_name = "NAMES", value_parser = fault_set)]
    pub faults: Option<FaultSet>,
    /// So many steps before the world heals
    #[arg(long, value_name = "N", requires = "seed")]
    pub steps: Option<u32>,
}

impl Arguments {
    /// The run that is asked for, for one of the seeds.
    pub fn plan(&self, seed: u64) -> Plan {
        let faults = self.faults.unwrap_or_else(|| FaultSet::of_seed(seed));
        let plan = Plan::with_faults(seed, faults);
        Plan { steps: self.steps.unwrap_or(plan.steps), ..plan }
    }
}

fn fault_set(names: &str) -> Result<FaultSet, String> {
    let known = || ALL_FAMILIES.map(|(_, name)| name).join(", ");
    FaultSet::parse(names).map_err(|name| format!("there is no fault {name:?}: {}", known()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{Arguments, FaultSet};

    fn read(text: &str) -> Result<Arguments, String> {
        let words = std::iter::once("simulate").chain(text.split_whitespace());
        Arguments::try_parse_from(words).map_err(|error| error.to_string())
    }

    #[test]
    fn a_plan_is_repeated_by_its_own_arguments() {
        let asked = read("--seed 7 --faults crashes,hot-sku --steps 12").unwrap();
        let plan = asked.plan(7);
        assert_eq!(plan.faults, FaultSet::parse("hot-sku,crashes").unwrap());
        assert_eq!(plan.steps, 12);
        assert_eq!(read(&plan.arguments()).unwrap().plan(7), plan);
        assert_eq!(read("").unwrap().plan(8).arguments(), "--seed 8");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert!(read("--seed 1 --faults rain").unwrap_err().contains("tiny-queue"));
        assert!(read("--trace").unwrap_err().contains("--seed"));
        assert!(read("--seed 1 --seeds 2").is_err());
    }
}
