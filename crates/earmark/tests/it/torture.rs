//! The quick share of `cargo xtask torture`: a few of each, from a seed of its own each time.

use std::hash::BuildHasher;
use std::time::Duration;

use earmark_torture::{Figures, Overload, Setup, Torture, run};
use indicatif::ProgressBar;

fn torture(torture: Torture) -> Figures {
    let program = env!("CARGO_BIN_EXE_earmark").into();
    let setup =
        Setup { program, store: None, redis: None, seed: unseen(), bar: ProgressBar::hidden() };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let figures = runtime.block_on(run(&setup, torture)).unwrap_or_else(|says| panic!("{says}"));
    println!("seed {}\n{}", setup.seed, figures.table());
    figures
}

#[expect(clippy::disallowed_methods, reason = "chance chooses the seed; a failure says it")]
fn unseen() -> u64 {
    std::hash::RandomState::new().hash_one(()) % 1_000_000_000
}

#[test]
fn nothing_answered_is_lost_when_the_server_is_killed() {
    let figures = torture(Torture::Kills(10));
    assert!(figures.get("answered").unwrap() > 0);
}

#[test]
fn requests_in_flight_are_answered_before_a_server_ends() {
    let figures = torture(Torture::Terms(5));
    assert!(figures.get("longest shutdown, ms").unwrap() < 15_000);
}

#[test]
fn fifty_askers_with_one_key_have_one_effect_and_the_same_bytes() {
    let figures = torture(Torture::Duplicates(40));
    assert_eq!(figures.get("other bodies refused with 422"), Some(40));
}

#[test]
fn a_client_that_hangs_up_leaves_the_whole_effect_or_none() {
    let figures = torture(Torture::Disconnects(200));
    assert!(figures.get("with their whole effect").unwrap() > 0);
}

#[test]
fn nothing_answered_is_lost_when_one_of_two_nodes_is_killed() {
    let figures = torture(Torture::NodeKills(5));
    assert!(figures.get("answered").unwrap() > 0);
}

#[test]
fn nothing_answered_is_lost_when_the_database_crashes() {
    let figures = torture(Torture::StoreStops(3));
    assert!(figures.get("answered").unwrap() > 0);
}

#[test]
fn nothing_answered_is_lost_when_connections_to_the_database_are_cut() {
    let figures = torture(Torture::StoreCuts(30));
    assert!(figures.get("answered").unwrap() > 0);
}

#[test]
fn five_times_too_much_does_not_bring_it_down() {
    // No other test runs at the same time, but steps of half a second on a machine of two cores say
    // little: less than 40 % of the peak is a collapse. `cargo xtask torture` judges exactly.
    let (duration, step) = (Duration::from_secs(5), Duration::from_millis(500));
    let recovers_within = Duration::from_secs(20);
    torture(Torture::Overload(Overload { duration, step, percent_min: 40, recovers_within }));
}

#[test]
fn nothing_is_missing_and_nothing_slower_when_redis_dies_and_forgets() {
    let figures = torture(Torture::Redis(3));
    assert_eq!(figures.get("stream: events missing"), Some(0));
    assert_eq!(figures.get("channel: events missing"), Some(0));
    // Four seconds of counting say little on a machine with other things to do.
    let answered = |how| figures.get(how).unwrap();
    let (with, without) = ("answered in 4 s with Redis", "answered in 4 s without Redis");
    assert!(answered(without) * 2 > answered(with), "{}", figures.table());
}
