//! What the caller of the program wants, read from its arguments.

use earmark_simulator::{ALL_FAMILIES, Families, Plan};

/// How the program is called.
pub const USAGE: &str = "\
Usage: cargo xtask simulate [--seeds N] [--from S]
       cargo xtask simulate --seed S [--trace] [--families a,b] [--steps N]

  --seeds N       runs so many seeds, after those kept in simulations/ (200)
  --from S        begins at this seed (0)
  --seed S        runs one seed
  --trace         shows what happens, step by step, on stdout
  --families a,b  these may go wrong instead of what the seed says; `none` is none
  --steps N       so many steps before the world heals";

/// What to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    pub seeds: Option<u64>,
    pub from: u64,
    pub seed: Option<u64>,
    pub is_traced: bool,
    pub families: Option<Families>,
    pub steps: Option<u32>,
    pub is_help: bool,
}

impl Arguments {
    /// Reads arguments; says what is wrong with them.
    pub fn read(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut read = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{name} needs a value"));
            match name.as_str() {
                "--seeds" => read.seeds = Some(number(&name, &value()?)?),
                "--from" => read.from = number(&name, &value()?)?,
                "--seed" => read.seed = Some(number(&name, &value()?)?),
                "--steps" => read.steps = Some(number(&name, &value()?)?),
                "--families" => read.families = Some(families(&value()?)?),
                "--trace" => read.is_traced = true,
                "--help" | "-h" => read.is_help = true,
                _ => return Err(format!("there is no {name}")),
            }
        }
        if read.seed.is_none() && (read.is_traced || read.steps.is_some()) {
            return Err("--trace and --steps go with --seed".into());
        }
        if read.seed.is_some() && read.seeds.is_some() {
            return Err("--seed and --seeds do not go together".into());
        }
        Ok(read)
    }

    /// The run that is asked for, for one of the seeds.
    pub fn plan(&self, seed: u64) -> Plan {
        let families = self.families.unwrap_or_else(|| Families::of_seed(seed));
        let plan = Plan::with_families(seed, families);
        Plan { steps: self.steps.unwrap_or(plan.steps), ..plan }
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{name} takes a whole number, not {value:?}"))
}

fn families(names: &str) -> Result<Families, String> {
    let known = || ALL_FAMILIES.map(|(_, name)| name).join(", ");
    Families::parse(names).map_err(|name| format!("no family is called {name:?}: {}", known()))
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Families};

    fn read(text: &str) -> Result<Arguments, String> {
        Arguments::read(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_plan_is_repeated_by_its_own_arguments() {
        let asked = read("--seed 7 --families crashes,hot-sku --steps 12").unwrap();
        let plan = asked.plan(7);
        assert_eq!(plan.families, Families::parse("hot-sku,crashes").unwrap());
        assert_eq!(plan.steps, 12);
        assert_eq!(read(&plan.arguments()).unwrap().plan(7), plan);
        let own = Arguments::default().plan(8);
        assert_eq!(own.arguments(), "--seed 8");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert_eq!(read("--sead 7").unwrap_err(), "there is no --sead");
        assert_eq!(read("--seed").unwrap_err(), "--seed needs a value");
        assert_eq!(read("--seeds x").unwrap_err(), "--seeds takes a whole number, not \"x\"");
        assert!(read("--seed 1 --families rain").unwrap_err().contains("tiny-queue"));
        assert!(read("--trace").is_err());
    }
}
