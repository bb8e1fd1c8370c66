//! The command-line arguments.

use clap::Parser;
use earmark_simulator::{ALL_FAULTS, FaultSet, Plan};

/// Default number of seeds.
const SEEDS: u64 = 200;

/// Shown at the end of `--help`.
const EXAMPLES: &str = "\
Examples:
  cargo xtask simulate                              200 seeds, after the saved failures
  cargo xtask simulate --fresh --seeds 2000         2,000 seeds from a random first seed
  cargo xtask simulate --seed 7 --trace             one seed, every step printed
  cargo xtask simulate --seed 7 --faults crashes,lost-flushes --steps 300

Exit codes: 0 every check passed, 1 a check failed, 2 usage error.";

/// Simulate the whole system in one thread on virtual time, with faults, from seeds
#[derive(Clone, Debug, Parser, PartialEq, Eq)]
#[command(bin_name = "cargo xtask simulate", max_term_width = 100, after_help = EXAMPLES)]
pub struct Arguments {
    /// Number of seeds to run, after the failed runs saved in simulations/
    #[arg(long, value_name = "N", default_value_t = SEEDS, conflicts_with = "seed")]
    pub seeds: u64,
    /// First seed
    #[arg(long, value_name = "S", default_value_t = 0, conflicts_with_all = ["seed", "fresh"])]
    pub from: u64,
    /// Start at a random seed, which is printed
    #[arg(long, conflicts_with = "seed")]
    pub fresh: bool,
    /// Run a single seed
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Print every step to stdout
    #[arg(long = "trace", requires = "seed")]
    pub is_traced: bool,
    /// Comma-separated faults to inject instead of the seed's own; `none` for no faults
    #[arg(long, value_name = "NAMES", value_parser = fault_set)]
    pub faults: Option<FaultSet>,
    /// Number of steps before all faults are switched off
    #[arg(long, value_name = "N", requires = "seed")]
    pub steps: Option<u32>,
}

impl Arguments {
    /// The run of a seed with these arguments.
    pub fn plan(&self, seed: u64) -> Plan {
        let faults = self.faults.unwrap_or_else(|| FaultSet::of_seed(seed));
        let plan = Plan::with_faults(seed, faults);
        Plan { steps: self.steps.unwrap_or(plan.steps), ..plan }
    }
}

fn fault_set(names: &str) -> Result<FaultSet, String> {
    let names_of_all = || ALL_FAULTS.map(|(_, name)| name).join(", ");
    FaultSet::parse(names)
        .map_err(|name| format!("unknown fault {name:?}; known faults: {}", names_of_all()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{Arguments, FaultSet};

    fn parse(text: &str) -> Result<Arguments, String> {
        let words = std::iter::once("simulate").chain(text.split_whitespace());
        Arguments::try_parse_from(words).map_err(|error| error.to_string())
    }

    #[test]
    fn the_arguments_of_a_plan_give_the_same_plan() {
        let arguments = parse("--seed 7 --faults crashes,hot-sku --steps 12").unwrap();
        let plan = arguments.plan(7);
        assert_eq!(plan.faults, FaultSet::parse("hot-sku,crashes").unwrap());
        assert_eq!(plan.steps, 12);
        assert_eq!(parse(&plan.arguments()).unwrap().plan(7), plan);
        assert_eq!(parse("").unwrap().plan(8).arguments(), "--seed 8");
    }

    #[test]
    fn invalid_arguments_are_named_in_the_error() {
        assert!(parse("--seed 1 --faults rain").unwrap_err().contains("tiny-queue"));
        assert!(parse("--trace").unwrap_err().contains("--seed"));
        assert!(parse("--seed 1 --seeds 2").is_err());
    }
}
