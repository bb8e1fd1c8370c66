//! The command-line arguments.

use std::path::PathBuf;

use clap::Parser;
use earmark_torture::{Overload, Torture};

/// Shown at the end of `--help`.
const EXAMPLES: &str = "\
Examples:
  cargo xtask torture                               everything, in full
  cargo xtask torture --kills 20 --overload 10      only these two
  cargo xtask torture --duplicates 100 --seed 7     with the requests of an earlier run

Exit codes: 0 all guarantees hold, 1 a guarantee is violated, 2 usage error.";

/// Run the program under faults and load, and check its guarantees from outside
///
/// Without a choice, every kind is run in full.
#[derive(Clone, Debug, Parser)]
#[command(bin_name = "cargo xtask torture", max_term_width = 100, after_help = EXAMPLES)]
pub struct Arguments {
    /// Kill the program N times at random moments under load, and restart it
    #[arg(long, value_name = "N")]
    pub kills: Option<u64>,
    /// Send SIGTERM N times under load
    #[arg(long, value_name = "N")]
    pub terms: Option<u64>,
    /// Use this many idempotency keys, each from 50 clients at the same time
    #[arg(long, value_name = "KEYS")]
    pub duplicates: Option<u64>,
    /// Disconnect N times at a random point of a request
    #[arg(long, value_name = "N")]
    pub disconnects: Option<u64>,
    /// Send two requests on the hold of one order at the same time, N times
    #[arg(long, value_name = "N")]
    pub holds: Option<u64>,
    /// Send five times the load that the program can handle, for this many seconds
    #[arg(long, value_name = "SECONDS")]
    pub overload: Option<u64>,
    /// Kill the Redis server N times; it restarts with older data or none
    #[arg(long, value_name = "N")]
    pub redis: Option<u64>,
    /// Kill one of two nodes on one PostgreSQL N times under load
    #[arg(long, value_name = "N")]
    pub node_kills: Option<u64>,
    /// Stop the PostgreSQL of two nodes N times, as in a crash
    #[arg(long, value_name = "N")]
    pub store_stops: Option<u64>,
    /// Cut N connections between a node and its PostgreSQL, half of them around a commit
    #[arg(long, value_name = "N")]
    pub store_cuts: Option<u64>,
    /// Seed of requests and moments; random by default, and printed
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Print the figures as JSON
    #[arg(long)]
    pub json: bool,
    /// The program under test; by default `earmark` in the folder of this one
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,
}

impl Arguments {
    /// The selected tortures with their names; all if none is selected.
    pub fn tortures(&self) -> Vec<(&'static str, Torture)> {
        let overload = |seconds| Torture::Overload(Overload::guaranteed(seconds));
        let selected = [
            ("kills", self.kills.map(Torture::Kills)),
            ("terms", self.terms.map(Torture::Terms)),
            ("duplicates", self.duplicates.map(Torture::Duplicates)),
            ("disconnects", self.disconnects.map(Torture::Disconnects)),
            ("holds", self.holds.map(Torture::Holds)),
            ("overload", self.overload.map(overload)),
            ("redis", self.redis.map(Torture::Redis)),
            ("node kills", self.node_kills.map(Torture::NodeKills)),
            ("store stops", self.store_stops.map(Torture::StoreStops)),
            ("store cuts", self.store_cuts.map(Torture::StoreCuts)),
        ];
        let selected = selected.into_iter().filter_map(|(name, it)| Some((name, it?)));
        let selected: Vec<_> = selected.collect();
        if !selected.is_empty() {
            return selected;
        }
        vec![
            ("kills", Torture::Kills(200)),
            ("terms", Torture::Terms(50)),
            ("duplicates", Torture::Duplicates(1_000)),
            ("disconnects", Torture::Disconnects(5_000)),
            ("holds", Torture::Holds(10_000)),
            ("overload", overload(60)),
            ("redis", Torture::Redis(20)),
            ("node kills", Torture::NodeKills(100)),
            ("store stops", Torture::StoreStops(20)),
            ("store cuts", Torture::StoreCuts(300)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Arguments;

    #[test]
    fn everything_is_run_if_nothing_is_selected() {
        let names = |words: &[&str]| {
            let words = std::iter::once("torture").chain(words.iter().copied());
            let selected = Arguments::parse_from(words).tortures();
            selected.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(names(&[]).len(), 10);
        assert_eq!(names(&["--terms", "3", "--kills", "2"]), ["kills", "terms"]);
    }
}
