//! What the caller of the program wants, read from its arguments.

use std::path::PathBuf;

use clap::Parser;
use earmark_torture::{Overload, Torture};

/// Starts the real program, tortures it, and checks from outside that it keeps its promises.
/// Without a choice all is done, in full.
#[derive(Clone, Debug, Parser)]
#[command(bin_name = "cargo xtask torture", max_term_width = 100)]
pub struct Arguments {
    /// Kill it so many times at random moments under load, and start it again
    #[arg(long, value_name = "N")]
    pub kills: Option<u64>,
    /// Send it SIGTERM so many times under load
    #[arg(long, value_name = "N")]
    pub terms: Option<u64>,
    /// Use so many idempotency keys, each from 50 clients at the same time
    #[arg(long, value_name = "KEYS")]
    pub duplicates: Option<u64>,
    /// Hang up so many times at a random point of a request
    #[arg(long, value_name = "N")]
    pub disconnects: Option<u64>,
    /// Ask five times what it can do, for so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub overload: Option<u64>,
    /// Kill its Redis server so many times, which comes back with less or nothing
    #[arg(long, value_name = "N")]
    pub redis: Option<u64>,
    /// Kill one of two nodes on one PostgreSQL so many times under load
    #[arg(long, value_name = "N")]
    pub node_kills: Option<u64>,
    /// Stop the PostgreSQL under two nodes so many times, as in a crash
    #[arg(long, value_name = "N")]
    pub store_stops: Option<u64>,
    /// Cut so many connections between a node and its PostgreSQL, half of them around a commit
    #[arg(long, value_name = "N")]
    pub store_cuts: Option<u64>,
    /// Draw requests and moments from this; else from one that is said
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Tell the figures as JSON
    #[arg(long)]
    pub json: bool,
    /// The program, where it is not beside this one
    #[arg(long, value_name = "FILE")]
    pub program: Option<PathBuf>,
}

impl Arguments {
    /// What is asked for, by its name.
    pub fn tortures(&self) -> Vec<(&'static str, Torture)> {
        let overload = |seconds| Torture::Overload(Overload::promised(seconds));
        let asked = [
            ("kills", self.kills.map(Torture::Kills)),
            ("terms", self.terms.map(Torture::Terms)),
            ("duplicates", self.duplicates.map(Torture::Duplicates)),
            ("disconnects", self.disconnects.map(Torture::Disconnects)),
            ("overload", self.overload.map(overload)),
            ("redis", self.redis.map(Torture::Redis)),
            ("node kills", self.node_kills.map(Torture::NodeKills)),
            ("store stops", self.store_stops.map(Torture::StoreStops)),
            ("store cuts", self.store_cuts.map(Torture::StoreCuts)),
        ];
        let asked = asked.into_iter().filter_map(|(name, it)| Some((name, it?)));
        let asked: Vec<_> = asked.collect();
        if !asked.is_empty() {
            return asked;
        }
        vec![
            ("kills", Torture::Kills(200)),
            ("terms", Torture::Terms(50)),
            ("duplicates", Torture::Duplicates(1_000)),
            ("disconnects", Torture::Disconnects(5_000)),
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
    fn without_a_choice_all_is_done() {
        let names = |words: &[&str]| {
            let words = std::iter::once("torture").chain(words.iter().copied());
            let asked = Arguments::parse_from(words).tortures();
            asked.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(names(&[]).len(), 9);
        assert_eq!(names(&["--terms", "3", "--kills", "2"]), ["kills", "terms"]);
    }
}
