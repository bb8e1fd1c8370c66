//! What is a value, and what is none.

use earmark_kernel::UnixMillis;
use jiff::civil::Date;

use super::{Day, Level, Quantity};

#[test]
fn every_day_that_can_be_written_can_be_read() {
    for day in [Day(Date::MIN), Day(Date::MAX), Day::of(UnixMillis(0)), Day::of(UnixMillis(-1))] {
        assert_eq!(Day::parse(&day.to_string()), Ok(day));
    }
}

#[test]
fn of_a_moment_the_day_counts() {
    let day = Day::parse("2026-01-31").unwrap();
    for moment in ["2026-01-31T23:59:59", "2026-01-31T23:59:59Z", "2026-01-31 10:00+02:00"] {
        assert_eq!(Day::parse(moment), Ok(day), "{moment}");
    }
    for none in ["20260131", "2026-1-31", "2026-02-30", "", "-", "tomorrow", "10:00"] {
        assert!(Day::parse(none).is_err(), "{none}");
    }
}

#[test]
fn a_whole_number_is_one_however_it_is_written() {
    let quantity = |json: &str| serde_json::from_str::<Quantity>(json).map(Quantity::units);
    for one in ["1", "1.0", "1e0", "10e-1"] {
        assert_eq!(quantity(one).unwrap(), 1, "{one}");
    }
    for none in ["0", "-1", "1.5", "1e10", "1e400", "1000000001", "\"1\"", "null"] {
        assert!(quantity(none).is_err(), "{none}");
    }
    assert_eq!(serde_json::from_str::<Level>("-0").unwrap(), Level::default());
}
