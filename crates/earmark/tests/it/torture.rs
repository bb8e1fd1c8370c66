//! A short part of `cargo xtask torture`: a few rounds of each test, from a random seed.

use std::hash::BuildHasher;
use std::time::Duration;

use earmark_torture::{Figures, Overload, Setup, Torture, run};
use indicatif::ProgressBar;

fn torture(torture: Torture) -> Figures {
    let program = env!("CARGO_BIN_EXE_earmark").into();
    let setup = Setup {
        program,
        store: None,
        redis: None,
        seed: random_seed(),
        bar: ProgressBar::hidden(),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let figures = runtime.block_on(run(&setup, torture)).unwrap_or_else(|says| panic!("{says}"));
    println!("seed {}\n{}", setup.seed, figures.table());
    figures
}

#[expect(clippy::disallowed_methods, reason = "the seed is random; a failure reports it")]
fn random_seed() -> u64 {
    std::hash::RandomState::new().hash_one(()) % 1_000_000_000
}

#[test]
fn no_answered_command_is_lost_when_the_server_is_killed() {
    let figures = torture(Torture::Kills(10));
    assert!(figures.get("answered").unwrap() > 0);
}

#[test]
fn requests_in_flight_are_answered_before_a_server_stops() {
    let figures = torture(Torture::Terms(5));
    assert!(figures.get("longest shutdown, ms").unwrap() < 15_000);
}

#[test]
fn fifty_clients_with_one_key_cause_one_effect_and_get_the_same_bytes() {
    let figures = torture(Torture::Duplicates(40));
    assert_eq!(figures.get("other bodies refused with 422"), Some(40));
}

#[test]
fn two_requests_on_one_hold_end_as_one_after_the_other() {
    let figures = torture(Torture::Holds(200));
    assert_eq!(figures.get("pairs of requests"), Some(45));
}

#[test]
fn a_client_that_disconnects_leaves_a_complete_effect_or_none() {
    let figures = torture(Torture::Disconnects(200));
    assert!(figures.get("with their whole effect").unwrap() > 0);
}

#[test]
fn no_answered_command_is_lost_when_one_of_two_nodes_is_killed() {
    let figures = torture(Torture::NodeKills(5));
    assert!(figures.get("answered").unwrap() > 0);
}

#[test]
fn no_answered_command_is_lost_when_the_database_crashes() {
    let figures = torture(Torture::StoreStops(3));
    assert!(figures.get("answered").unwrap() > 0);
}

#[test]
fn no_answered_command_is_lost_when_database_connections_are_cut() {
    let figures = torture(Torture::StoreCuts(30));
    assert!(figures.get("answered").unwrap() > 0);
}

#[test]
fn five_times_the_peak_load_does_not_stop_a_server() {
    // No other test runs at the same time, but steps of half a second on two cores are imprecise:
    // only less than 40 % of the peak counts as a collapse. `cargo xtask torture` measures
    // precisely.
    let (duration, step) = (Duration::from_secs(5), Duration::from_millis(500));
    let recovers_within = Duration::from_secs(20);
    torture(Torture::Overload(Overload { duration, step, percent_min: 40, recovers_within }));
}

#[test]
fn a_redis_that_loses_its_data_costs_no_event_and_no_speed() {
    let figures = torture(Torture::Redis(3));
    assert_eq!(figures.get("stream: events missing"), Some(0));
    assert_eq!(figures.get("channel: events missing"), Some(0));
    // Counts over four seconds are imprecise on a busy machine.
    let answered = |how| figures.get(how).unwrap();
    let (with, without) = ("answered in 4 s with Redis", "answered in 4 s without Redis");
    assert!(answered(without) * 2 > answered(with), "{}", figures.table());
}
