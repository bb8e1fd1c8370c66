//! Tests of which values are accepted and which are rejected.

use earmark_kernel::UnixMillis;
use jiff::civil::Date;
use unicode_normalization::UnicodeNormalization;

use super::{Day, InvalidValue, Level, Priority, Quantity, Text};

fn text(text: &str) -> Result<String, InvalidValue> {
    Text::parse(text).map(|it| it.to_string())
}

#[test]
fn a_text_is_short_and_has_no_whitespace_at_its_ends() {
    assert_eq!(text("BANK CHARGES"), Ok("BANK CHARGES".into()));
    assert_eq!(text(""), Err(InvalidValue::Empty));
    for spaced in [" a", "a ", "\u{a0}a", "a\u{3000}", " "] {
        assert_eq!(text(spaced), Err(InvalidValue::WhitespaceEdge), "{spaced:?}");
    }
    for control in ["a\nb", "a\u{0}", "\u{1f}a", "a\u{7f}b", "a\u{85}b"] {
        assert_eq!(text(control), Err(InvalidValue::ControlCharacter), "{control:?}");
    }
    assert_eq!(text(&"ü".repeat(64)), Ok("ü".repeat(64)));
    assert_eq!(text(&"ü".repeat(65)), Err(InvalidValue::TooLong(65)));
}

#[test]
fn every_character_of_a_text_is_checked() {
    let expected = |text: &str| {
        let normal: String = text.nfc().collect();
        match normal.chars().count() {
            0 => Err(InvalidValue::Empty),
            chars @ 65.. => Err(InvalidValue::TooLong(chars)),
            _ if normal.chars().any(char::is_control) => Err(InvalidValue::ControlCharacter),
            _ if normal.trim() != normal => Err(InvalidValue::WhitespaceEdge),
            _ => Ok(normal),
        }
    };
    for it in ('\0'..='\u{ff}').chain(['\u{212a}', '\u{37e}']) {
        for length in [1, 2, 17, 32, 33, 64, 65] {
            for at in 0..length {
                let mut input = vec!['a'; length];
                input[at] = it;
                let input: String = input.into_iter().collect();
                assert_eq!(text(&input), expected(&input), "{input:?}");
            }
            let all = it.to_string().repeat(length);
            assert_eq!(text(&all), expected(&all), "{all:?}");
        }
    }
}

#[test]
fn composed_and_decomposed_characters_give_the_same_text() {
    assert_eq!(text("Cafe\u{301}"), text("Caf\u{e9}"));
    let decomposed = "e\u{301}".repeat(64);
    assert_eq!(text(&decomposed), Ok("\u{e9}".repeat(64)), "characters are counted after NFC");
}

#[test]
fn numbers_out_of_bounds_are_rejected() {
    assert_eq!(Quantity::new(0), Err(InvalidValue::Quantity));
    assert_eq!(Quantity::new(1_000_000_000).map(Quantity::units), Ok(1_000_000_000));
    assert_eq!(Quantity::new(1_000_000_001), Err(InvalidValue::Quantity));
    assert_eq!(Level::new(0).map(Level::units), Ok(0));
    assert_eq!(Level::new(u64::MAX), Err(InvalidValue::Level));
    assert_eq!(Priority::new(9).map(Priority::level), Ok(9));
    assert_eq!(Priority::new(10), Err(InvalidValue::Priority));
}

#[test]
fn every_day_round_trips_through_json() {
    let days = [Day::FIRST, Day::LAST, Day::of(UnixMillis(0)), Day::of(UnixMillis(i64::MIN))];
    let more = (-800_000..3_000_000).step_by(997).map(|day| Day::of(UnixMillis(day * 86_400_000)));
    for day in days.into_iter().chain(more).chain([Day::of(UnixMillis(i64::MAX))]) {
        let json = serde_json::to_string(&day).unwrap();
        assert_eq!(serde_json::from_str::<Day>(&json).unwrap(), day, "{json}");
        assert_eq!(Day::of(day.begin()), day);
        let before = Day::of(day.begin().plus_ms(-1));
        assert!(before < day || day == Day::FIRST);
    }
}

#[test]
fn a_day_begins_at_midnight_utc() {
    let day = Day::parse("2011-01-02").unwrap();
    assert_eq!(day.begin(), UnixMillis(1_293_926_400_000));
    assert_eq!(Day::of(UnixMillis(1_293_926_400_000 + 86_399_999)), day);
    assert_eq!(Day::parse("2011-01-02T23:59:59"), Ok(day));
    for wrong in ["", "2011-02-30", "02.01.2011", "tomorrow"] {
        assert_eq!(Day::parse(wrong), Err(InvalidValue::Day), "{wrong:?}");
    }
}

#[test]
fn the_extreme_days_can_be_parsed_from_their_text() {
    for day in [Day(Date::MIN), Day(Date::MAX), Day::of(UnixMillis(0)), Day::of(UnixMillis(-1))] {
        assert_eq!(Day::parse(&day.to_string()), Ok(day));
    }
}

#[test]
fn the_time_of_a_date_with_a_time_is_ignored() {
    let day = Day::parse("2026-01-31").unwrap();
    for moment in ["2026-01-31T23:59:59", "2026-01-31T23:59:59Z", "2026-01-31 10:00+02:00"] {
        assert_eq!(Day::parse(moment), Ok(day), "{moment}");
    }
    for invalid in ["20260131", "2026-1-31", "2026-02-30", "", "-", "tomorrow", "10:00"] {
        assert!(Day::parse(invalid).is_err(), "{invalid}");
    }
}

#[test]
fn every_notation_of_a_whole_number_is_accepted() {
    let quantity = |json: &str| serde_json::from_str::<Quantity>(json).map(Quantity::units);
    for one in ["1", "1.0", "1e0", "10e-1"] {
        assert_eq!(quantity(one).unwrap(), 1, "{one}");
    }
    for invalid in ["0", "-1", "1.5", "1e10", "1e400", "1000000001", "\"1\"", "null"] {
        assert!(quantity(invalid).is_err(), "{invalid}");
    }
    assert_eq!(serde_json::from_str::<Level>("-0").unwrap(), Level::default());
}
